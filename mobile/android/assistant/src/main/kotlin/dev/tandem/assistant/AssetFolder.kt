package dev.tandem.assistant

import android.content.res.AssetManager
import dev.tandem.runtime.Folder
import java.io.InputStream

/** The exported folder in the app's assets. Sizes are known because the build compresses none of its files. */
internal class AssetFolder(private val assets: AssetManager) : Folder {
    override fun open(name: String): InputStream = assets.open(name)

    override fun size(name: String): Long = assets.openFd(name).use { it.length }

    override fun toString(): String = "assets"
}

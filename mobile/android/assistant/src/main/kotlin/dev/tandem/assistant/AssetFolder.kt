package dev.tandem.assistant

import android.content.res.AssetManager
import dev.tandem.runtime.Folder
import java.io.IOException
import java.io.InputStream

/** The exported folder in the app's assets. */
internal class AssetFolder(private val assets: AssetManager) : Folder {
    override fun open(name: String): InputStream = assets.open(name)

    /** Told at once where the build compresses nothing, as it should; a compressed file is read to be measured. */
    override fun size(name: String): Long =
        try {
            assets.openFd(name).use { it.length }
        } catch (compressed: IOException) { // or missing: then it cannot be opened, either
            open(name).use(::length)
        }

    override fun toString(): String = "assets"

    private fun length(stream: InputStream): Long {
        val buffer = ByteArray(DEFAULT_BUFFER_SIZE)
        return generateSequence { stream.read(buffer) }.takeWhile { it >= 0 }.sumOf { it.toLong() }
    }
}

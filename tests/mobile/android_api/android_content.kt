// A stand-in with code: see README.md of this folder.
package android.content

import android.content.res.AssetManager
import java.io.File

open class Context internal constructor(exported: File = File("."), own: File = File(".")) {
    val assets: AssetManager = AssetManager(exported)
    val cacheDir: File = own
    val noBackupFilesDir: File = own
}

// Declarations for a compiler, no code: see README.md of this folder.
package android.content

import android.content.res.AssetManager
import java.io.File

open class Context {
    val assets: AssetManager external get
    val cacheDir: File external get
    val noBackupFilesDir: File external get
}

// Declarations for a compiler, no code: see README.md of this folder.
package android.content.res

import java.io.Closeable
import java.io.InputStream

class AssetFileDescriptor : Closeable {
    val length: Long external get
    override fun close() = Unit
}

class AssetManager {
    external fun open(fileName: String): InputStream
    external fun openFd(fileName: String): AssetFileDescriptor
}

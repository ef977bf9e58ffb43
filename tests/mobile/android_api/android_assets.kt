// A stand-in with code: see README.md of this folder.
package android.content.res

import java.io.Closeable
import java.io.File
import java.io.FileNotFoundException
import java.io.InputStream

class AssetFileDescriptor internal constructor(val length: Long) : Closeable {
    override fun close() = Unit
}

/** Holds models as they are and the other files compressed, as an APK does without noCompress. */
class AssetManager internal constructor(private val folder: File) {
    fun open(fileName: String): InputStream = File(folder, fileName).inputStream()

    fun openFd(fileName: String): AssetFileDescriptor {
        if (fileName.endsWith(".json")) throw FileNotFoundException("$fileName: it is probably compressed")
        if (!File(folder, fileName).isFile) throw FileNotFoundException(fileName)
        return AssetFileDescriptor(File(folder, fileName).length())
    }
}

package dev.tandem.assistant

import android.content.Context
import dev.tandem.runtime.Bundle
import dev.tandem.runtime.ModelException
import java.io.File
import java.io.IOException

/** The .litertlm file as a file: the Engine wants a path, and assets have none. Copied once for each version of it. */
internal fun modelFile(context: Context, bundle: Bundle): File {
    val name = bundle.litertlmFile ?: throw ModelException("The folder has no .litertlm file: export it with one.")
    bundle.checkHash(name)
    val copy = File(context.noBackupFilesDir, name)
    val mark = File(context.noBackupFilesDir, "$name.sha256")
    if (!copy.isFile || !mark.isFile || mark.readText() != bundle.sha256(name)) {
        try {
            val part = File(copy.path + ".part")
            context.assets.open(name).use { source -> part.outputStream().use { source.copyTo(it) } }
            if (!part.renameTo(copy)) throw IOException("it cannot be renamed")
            mark.writeText(bundle.sha256(name))
        } catch (error: IOException) {
            throw ModelException("The model cannot be copied to the app's storage: ${error.message}", error)
        }
    }
    return copy
}

package dev.tandem.assistant

import java.util.concurrent.Executors
import kotlinx.coroutines.ExecutorCoroutineDispatcher
import kotlinx.coroutines.NonCancellable
import kotlinx.coroutines.asCoroutineDispatcher
import kotlinx.coroutines.withContext

/**
 * What [open] makes on a thread of its own: a KV cache holds one conversation, and the runtimes are not thread-safe.
 *
 * Loading cannot be interrupted, and withContext throws its result away where the caller was cancelled meanwhile. So
 * the result is kept here and closed: else the native model and its thread would stay for nobody.
 */
internal suspend fun onModelThread(open: suspend (ExecutorCoroutineDispatcher) -> Assistant): Assistant {
    val thread = Executors.newSingleThreadExecutor { Thread(it, "assistant") }.asCoroutineDispatcher()
    var opened: Assistant? = null
    try {
        return withContext(thread + NonCancellable) { open(thread).also { opened = it } }
    } catch (error: Throwable) {
        val forNobody = opened
        if (forNobody == null) thread.close() else forNobody.close()
        throw error
    }
}

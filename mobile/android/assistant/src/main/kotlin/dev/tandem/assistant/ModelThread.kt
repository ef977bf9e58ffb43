package dev.tandem.assistant

import java.util.concurrent.Executors
import kotlinx.coroutines.asCoroutineDispatcher

/** The one thread of a model: a KV cache holds one conversation, and the runtimes are not thread-safe. */
internal fun modelThread() = Executors.newSingleThreadExecutor { Thread(it, "assistant") }.asCoroutineDispatcher()

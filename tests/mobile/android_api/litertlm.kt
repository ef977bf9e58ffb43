// A stand-in with code: see README.md of this folder.
package com.google.ai.edge.litertlm

import java.util.concurrent.CancellationException
import java.util.concurrent.CopyOnWriteArrayList
import java.util.concurrent.atomic.AtomicInteger
import kotlin.concurrent.thread

class LiteRtLmJniException(message: String) : RuntimeException(message)

sealed class Backend(val name: String) {
    data class CPU(val threadCount: Int? = null) : Backend("CPU")
    class GPU : Backend("GPU")
}

data class EngineConfig(
    val modelPath: String,
    val backend: Backend = Backend.CPU(),
    val visionBackend: Backend? = null,
    val audioBackend: Backend? = null,
    val maxNumTokens: Int? = null,
    val maxNumImages: Int? = null,
    val cacheDir: String? = null,
)

data class SamplerConfig(val topK: Int, val topP: Double, val temperature: Double, val seed: Int = 0)

class Contents private constructor()

class Message internal constructor(private val text: String) {
    override fun toString(): String = text
}

data class ConversationConfig(
    val systemInstruction: Contents? = null,
    val initialMessages: List<Message> = listOf(),
    val tools: List<Any> = listOf(),
    val samplerConfig: SamplerConfig? = null,
    val automaticToolCalling: Boolean = true,
)

interface MessageCallback {
    fun onMessage(message: Message)
    fun onDone()
    fun onError(throwable: Throwable)
}

/** What a test sets and sees of the native side. */
object Native {
    val faults = CopyOnWriteArrayList<String>()
    val engines = AtomicInteger()
    @Volatile var loadMillis = 0L
    @Volatile var pieceMillis = 2L
    @Volatile var failing = false
    @Volatile var answer = ""

    fun must(holds: Boolean, fault: String) {
        if (!holds) faults += fault
    }
}

/** Answers on a thread of its own, and goes on for a moment after it was cancelled, as LiteRT-LM does. */
class Conversation internal constructor(private val engine: Engine) : AutoCloseable {
    @Volatile private var answering = false

    @Volatile private var cancelled = false

    fun sendMessageAsync(text: String, callback: MessageCallback, extraContext: Map<String, Any> = emptyMap()) {
        Native.must(text.isNotBlank() && extraContext.isEmpty(), "nothing was asked")
        answering = true
        thread { answer(callback) }
    }

    fun cancelProcess() {
        cancelled = true
    }

    override fun close() {
        Native.must(!answering, "a conversation was closed while it answers")
        engine.session = null
    }

    private fun answer(callback: MessageCallback) {
        for (piece in Native.answer.chunked(4)) {
            Thread.sleep(Native.pieceMillis)
            callback.onMessage(Message(piece)) // the one that was under way when it was cancelled comes, too
            if (cancelled) break
        }
        if (cancelled) Thread.sleep(50)
        answering = false
        if (cancelled) callback.onError(CancellationException("cancelled")) else callback.onDone()
    }
}

/** Has one session at a time. */
class Engine(val engineConfig: EngineConfig) : AutoCloseable {
    @Volatile internal var session: Conversation? = null

    @Volatile private var initialized = false

    fun isInitialized(): Boolean = initialized

    fun initialize() {
        Thread.sleep(Native.loadMillis)
        initialized = true
        Native.engines.incrementAndGet()
    }

    fun createConversation(conversationConfig: ConversationConfig = ConversationConfig()): Conversation {
        check(initialized) { "Engine is not initialized." }
        if (Native.failing) throw LiteRtLmJniException("INTERNAL: ${conversationConfig.samplerConfig}")
        if (session != null) throw LiteRtLmJniException("FAILED_PRECONDITION: A session already exists.")
        return Conversation(this).also { session = it }
    }

    override fun close() {
        check(initialized) { "Engine is not initialized." }
        Native.must(session == null, "the engine was closed in the middle of an answer")
        initialized = false
        Native.engines.decrementAndGet()
    }
}

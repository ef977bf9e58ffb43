// Declarations for a compiler, no code: see README.md of this folder.
package com.google.ai.edge.litertlm

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

class Message private constructor()

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

class Conversation(private val handle: Long) : AutoCloseable {
    external fun sendMessageAsync(text: String, callback: MessageCallback, extraContext: Map<String, Any> = emptyMap())
    external fun cancelProcess()
    override fun close() = Unit
}

class Engine(val engineConfig: EngineConfig) : AutoCloseable {
    external fun isInitialized(): Boolean
    external fun initialize()
    external fun createConversation(conversationConfig: ConversationConfig = ConversationConfig()): Conversation
    override fun close() = Unit
}

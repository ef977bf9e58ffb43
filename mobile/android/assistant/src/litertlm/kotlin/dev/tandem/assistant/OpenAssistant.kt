package dev.tandem.assistant

import android.content.Context
import com.google.ai.edge.litertlm.Backend
import com.google.ai.edge.litertlm.Conversation
import com.google.ai.edge.litertlm.ConversationConfig
import com.google.ai.edge.litertlm.Engine
import com.google.ai.edge.litertlm.EngineConfig
import com.google.ai.edge.litertlm.LiteRtLmJniException
import com.google.ai.edge.litertlm.Message
import com.google.ai.edge.litertlm.MessageCallback
import com.google.ai.edge.litertlm.SamplerConfig
import dev.tandem.runtime.Actions
import dev.tandem.runtime.Bundle
import dev.tandem.runtime.ChatTemplate
import dev.tandem.runtime.ContextFullException
import dev.tandem.runtime.Home
import dev.tandem.runtime.ModelException
import dev.tandem.runtime.Tokenizer
import dev.tandem.runtime.Tools
import kotlin.coroutines.resume
import kotlin.coroutines.resumeWithException
import kotlinx.coroutines.ExecutorCoroutineDispatcher
import kotlinx.coroutines.NonCancellable
import kotlinx.coroutines.suspendCancellableCoroutine
import kotlinx.coroutines.withContext

/**
 * Loads the .litertlm file of the app's assets in LiteRT-LM's Engine and tests that it answers as at export.
 *
 * [home]: JSON lists of names by argument, see dev.tandem.runtime.Home. Throws ModelException.
 */
suspend fun openAssistant(context: Context, home: String = "{}"): Assistant {
    val thread = modelThread()
    try {
        return withContext(thread + NonCancellable) { // else a model loaded for nobody would stay in memory
            val bundle = Bundle(AssetFolder(context.assets))
            val tools = Tools.read(bundle.read(bundle.toolsFile ?: throw ModelException("The folder has no tools.json.")))
            val actions = Actions(tools, Home(home, tools))
            val engine = Engine(
                EngineConfig(
                    modelPath = modelFile(context, bundle).path,
                    backend = Backend.CPU(),
                    cacheDir = context.cacheDir.path,
                ),
            )
            tested(engine) { LiteRtLmAssistant(engine, bundle, actions, thread).apply { selfTest() } }
        }
    } catch (error: ModelException) {
        thread.close()
        throw error
    }
}

/** An engine that is started and passes the self-test, or is closed again. */
private suspend fun tested(engine: Engine, open: suspend () -> Assistant): Assistant =
    try {
        engine.initialize()
        open()
    } catch (error: LiteRtLmJniException) {
        close(engine)
        throw ModelException("LiteRT-LM cannot load the model: ${error.message}", error)
    } catch (error: ModelException) {
        close(engine)
        throw error
    }

private fun close(engine: Engine) {
    if (engine.isInitialized()) engine.close()
}

/** Answers without a constraint: what is no valid call is refused by [actions]. */
private class LiteRtLmAssistant(
    private val engine: Engine,
    private val bundle: Bundle,
    override val actions: Actions,
    private val thread: ExecutorCoroutineDispatcher,
) : Assistant {
    private val tokenizer = Tokenizer(bundle.read(bundle.tokenizerFile))
    private val template = ChatTemplate(tokenizer, bundle.startId, bundle.stopIds[0])
    private val greedy = ConversationConfig(samplerConfig = SamplerConfig(topK = 1, topP = 1.0, temperature = 1.0))

    override suspend fun suggest(text: String, onText: (String) -> Unit): Call = withContext(thread) {
        checkLength(text)
        val start = System.nanoTime()
        var first = 0L
        val answer = ask(text) { piece ->
            first = if (first == 0L) System.nanoTime() else first
            onText(piece)
        }
        val seconds = (System.nanoTime() - start) / 1e9
        val tokens = tokenizer.text(answer).size
        Call(
            action = actions.consider(answer),
            answer = answer,
            tokens = tokens,
            firstMillis = (maxOf(first, start) - start) / 1_000_000,
            tokensPerSecond = if (seconds > 0) tokens / seconds else 0.0,
        )
    }

    /** The golden prompt of bundle.json: the answer begins with the text that was recorded at export. */
    suspend fun selfTest() {
        val expected = tokenizer.decode(bundle.goldenIds(bundle.defaultVariant()))
        val answer = ask(bundle.goldenMessages().last().content()) {}
        if (!answer.startsWith(expected)) {
            throw ModelException("Self-test failed: the answer is '$answer', bundle.json says '$expected…'.")
        }
    }

    override fun close() {
        thread.executor.execute(engine::close)
        thread.close() // what was begun is finished first
    }

    /** PromptException for an empty text, ContextFullException for one that leaves no room for an answer. */
    private fun checkLength(text: String) {
        val count = template.prompt(listOf(dev.tandem.runtime.Message.user(text))).size
        if (count + MAX_NEW_TOKENS / 2 > bundle.window) {
            throw ContextFullException("The text has $count tokens and the window holds ${bundle.window}. Shorten it.")
        }
    }

    /** A conversation of its own for each text. LiteRT-LM tokenises by itself: typed special tokens are taken apart. */
    private suspend fun ask(text: String, onText: (String) -> Unit): String =
        engine.createConversation(greedy).use { it.answer(tokenizer.withoutSpecial(text), onText) }

    private suspend fun Conversation.answer(text: String, onText: (String) -> Unit): String =
        suspendCancellableCoroutine { continuation ->
            val written = StringBuilder()
            val callback = object : MessageCallback {
                override fun onMessage(message: Message) {
                    written.append(message)
                    onText(message.toString())
                }

                override fun onDone() = continuation.resume(written.toString())

                override fun onError(throwable: Throwable) =
                    continuation.resumeWithException(ModelException("LiteRT-LM failed: ${throwable.message}", throwable))
            }
            continuation.invokeOnCancellation { cancelProcess() }
            sendMessageAsync(text, callback)
        }
}

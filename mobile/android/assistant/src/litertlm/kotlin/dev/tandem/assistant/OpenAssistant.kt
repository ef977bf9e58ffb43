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
import kotlinx.coroutines.CancellationException
import kotlinx.coroutines.CompletableDeferred
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.ExecutorCoroutineDispatcher
import kotlinx.coroutines.NonCancellable
import kotlinx.coroutines.currentCoroutineContext
import kotlinx.coroutines.isActive
import kotlinx.coroutines.launch
import kotlinx.coroutines.sync.Mutex
import kotlinx.coroutines.sync.withLock
import kotlinx.coroutines.withContext

/**
 * Loads the .litertlm file of the app's assets in LiteRT-LM's Engine and tests that it answers as at export.
 *
 * [home]: JSON lists of names by argument, see dev.tandem.runtime.Home. Throws ModelException.
 */
suspend fun openAssistant(context: Context, home: String = "{}"): Assistant = onModelThread { thread ->
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

/** An engine that is started and passes the self-test, or is closed again. */
private suspend fun tested(engine: Engine, open: suspend () -> Assistant): Assistant =
    try {
        naming("load the model") { engine.initialize() }
        open()
    } catch (error: Throwable) {
        close(engine)
        throw error
    }

/** LiteRT-LM's own exceptions as the one kind that an app has to know. */
private inline fun <T> naming(what: String, work: () -> T): T =
    try {
        work()
    } catch (error: LiteRtLmJniException) {
        throw ModelException("LiteRT-LM cannot $what: ${error.message}", error)
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
    private val turn = Mutex() // an engine has one session; this thread is free while LiteRT-LM's own threads answer

    override suspend fun suggest(text: String, onText: (String) -> Unit): Call = withContext(thread) {
        checkLength(text)
        turn.withLock { call(text, onText) }
    }

    private suspend fun call(text: String, onText: (String) -> Unit): Call {
        val context = currentCoroutineContext()
        val start = System.nanoTime()
        var first = 0L
        val answer = ask(text) { piece ->
            first = if (first == 0L) System.nanoTime() else first
            if (context.isActive) onText(piece)
        }
        val seconds = (System.nanoTime() - start) / 1e9
        val tokens = tokenizer.text(answer).size
        return Call(
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
        CoroutineScope(thread).launch {
            turn.withLock { close(engine) } // what was begun is finished first
            thread.close()
        }
    }

    /** PromptException for an empty text, ContextFullException for one that leaves no room for an answer. */
    private fun checkLength(text: String) {
        val count = template.prompt(listOf(dev.tandem.runtime.Message.user(text))).size
        if (count + MAX_NEW_TOKENS / 2 > bundle.window) {
            throw ContextFullException("The text has $count tokens and the window holds ${bundle.window}. Shorten it.")
        }
    }

    /** A conversation of its own for each text. LiteRT-LM tokenises by itself: typed special tokens are taken apart. */
    private suspend fun ask(text: String, onText: (String) -> Unit): String {
        if (!engine.isInitialized()) throw ModelException("The assistant is closed. Open another one.")
        return naming("answer") {
            engine.createConversation(greedy).use { it.answer(tokenizer.withoutSpecial(text), onText) }
        }
    }

    /** Returns or throws when LiteRT-LM has ended, not before: the conversation is closed after it. */
    private suspend fun Conversation.answer(text: String, onText: (String) -> Unit): String {
        val whole = CompletableDeferred<String>()
        sendMessageAsync(text, Written(whole, onText))
        try {
            return whole.await()
        } catch (error: CancellationException) {
            cancelProcess()
            withContext(NonCancellable) { whole.join() }
            throw error
        }
    }
}

/** Gathers the pieces of an answer into [whole]. */
private class Written(
    private val whole: CompletableDeferred<String>,
    private val onText: (String) -> Unit,
) : MessageCallback {
    private val text = StringBuilder()

    override fun onMessage(message: Message) {
        text.append(message)
        onText(message.toString())
    }

    override fun onDone() {
        whole.complete(text.toString())
    }

    override fun onError(throwable: Throwable) {
        whole.completeExceptionally(ModelException("LiteRT-LM cannot answer: ${throwable.message}", throwable))
    }
}

package dev.tandem.assistant

import android.content.Context
import com.google.ai.edge.litert.LiteRtException
import dev.tandem.runtime.Actions
import dev.tandem.runtime.Bundle
import dev.tandem.runtime.Chat
import dev.tandem.runtime.Home
import dev.tandem.runtime.ModelException
import dev.tandem.runtime.Tools
import kotlin.coroutines.coroutineContext
import kotlinx.coroutines.ExecutorCoroutineDispatcher
import kotlinx.coroutines.ensureActive
import kotlinx.coroutines.isActive
import kotlinx.coroutines.withContext

/**
 * Loads the model of the app's assets on LiteRT and tests that this device computes what was exported.
 *
 * [home]: JSON lists of names by argument, see dev.tandem.runtime.Home. Throws ModelException.
 */
suspend fun openAssistant(context: Context, home: String = "{}"): Assistant = onModelThread { thread ->
    val bundle = Bundle(AssetFolder(context.assets))
    val tools = Tools.read(bundle.read(bundle.toolsFile ?: throw ModelException("The folder has no tools.json.")))
    val actions = Actions(tools, Home(home, tools))
    val runner = naming("load the model") { LiteRtRunner(context.assets, bundle, bundle.defaultVariant()) }
    LiteRtAssistant(tested(bundle, runner), runner, actions, thread)
}

private fun tested(bundle: Bundle, runner: LiteRtRunner): Chat =
    try {
        Chat(bundle, bundle.defaultVariant(), runner).apply { naming("run the model") { selfTest() } }
    } catch (error: Throwable) {
        runner.close()
        throw error
    }

/** LiteRT's own exceptions as the one kind that an app has to know. */
private inline fun <T> naming(what: String, work: () -> T): T =
    try {
        work()
    } catch (error: LiteRtException) {
        throw ModelException("LiteRT cannot $what: ${error.message}", error)
    }

/** Constrained answers: every call is valid by construction, and checked all the same; one cut short is refused. */
private class LiteRtAssistant(
    private val chat: Chat,
    private val runner: LiteRtRunner,
    override val actions: Actions,
    private val thread: ExecutorCoroutineDispatcher,
) : Assistant {
    override suspend fun suggest(text: String, onText: (String) -> Unit): Call = withContext(thread) {
        val context = coroutineContext
        val answer = naming("answer") {
            chat.ask(text, MAX_NEW_TOKENS) { piece ->
                val wanted = context.isActive
                if (wanted) onText(piece)
                wanted
            }
        }
        context.ensureActive() // cancelled: an answer cut short is nobody's
        Call(
            action = actions.consider(answer),
            answer = answer.text(),
            tokens = answer.ids().size,
            firstMillis = answer.first() / 1_000_000,
            tokensPerSecond = answer.tokensPerSecond(),
        )
    }

    override fun close() {
        thread.executor.execute(runner::close)
        thread.close() // what was begun is finished first
    }
}

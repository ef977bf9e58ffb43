package dev.tandem.assistant

import dev.tandem.runtime.Action
import dev.tandem.runtime.Actions
import java.io.Closeable

/**
 * One text to one checked call, on the device.
 *
 *     val assistant = openAssistant(context, """{"area":["kitchen","bedroom"]}""")
 *     val call = assistant.suggest("turn on the kitchen lights")
 *     assistant.actions.on("HassTurnOn") { arguments -> lights.turnOn(arguments) }
 *     assistant.actions.perform(call.action, false) // false: no dry run
 *
 * [openAssistant] is in the source set of each flavour. All functions may be called from any thread; questions are
 * answered one after the other on a thread of the assistant's own.
 */
interface Assistant : Closeable {
    /** The functions of tools.json with the home's names and the app's effects. */
    val actions: Actions

    /**
     * The call that answers [text]. [onText] hears the answer as it is written, on a thread of the model.
     *
     * Cancelling the coroutine ends the answer at the next token; [onText] hears no more of it. Throws PromptException
     * for an empty text, ContextFullException for one that is too long, ModelException where the model fails.
     */
    suspend fun suggest(text: String, onText: (String) -> Unit = {}): Call
}

/**
 * What a text came to. Only an [action] whose status is READY may be carried out.
 *
 * [answer]: what the model wrote; [tokens] of it, the first after [firstMillis], then [tokensPerSecond]
 * (0 where the runtime does not tell).
 */
data class Call(
    val action: Action,
    val answer: String,
    val tokens: Int,
    val firstMillis: Long,
    val tokensPerSecond: Double,
)

/** Tokens of the longest answer: a call with four arguments has about 40. */
internal const val MAX_NEW_TOKENS = 96

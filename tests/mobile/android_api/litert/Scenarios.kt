package dev.tandem.assistant

import android.content.Context
import com.google.ai.edge.litert.Native
import dev.tandem.runtime.Action
import dev.tandem.runtime.Bundle
import dev.tandem.runtime.Folder
import dev.tandem.runtime.Tokenizer
import java.io.File
import java.util.concurrent.CopyOnWriteArrayList
import kotlinx.coroutines.cancelAndJoin
import kotlinx.coroutines.delay
import kotlinx.coroutines.launch
import kotlinx.coroutines.runBlocking

private const val QUESTION = "turn on the kitchen lights"
private const val ANSWER = """{"name":"HassTurnOn","arguments":{"area":"kitchen","domain":"light"}}"""

private val scenarios = mapOf<String, suspend (Context) -> Unit>(
    "a_question_after_a_cancelled_one" to ::aQuestionAfterACancelledOne,
    "an_opening_that_was_cancelled" to ::anOpeningThatWasCancelled,
    "an_opening_that_failed" to ::anOpeningThatFailed,
)

/** [arguments]: a scenario, the exported folder, a folder of the app's own. Ends with an exception where it fails. */
fun main(arguments: Array<String>) {
    val (scenario, exported, own) = arguments
    val bundle = Bundle(Folder.of(File(exported)))
    Native.window = bundle.window
    Native.vocabSize = bundle.vocabSize
    val answer = Tokenizer(bundle.read(bundle.tokenizerFile)).text(ANSWER)
    Native.sequence = bundle.goldenPrompt() + answer + bundle.stopIds[0]
    runBlocking { scenarios.getValue(scenario)(Context(File(exported), File(own))) }
    awaitNothingLeft()
}

private suspend fun aQuestionAfterACancelledOne(context: Context) {
    val assistant = openAssistant(context)
    Native.stepMillis = 20
    val heard = CopyOnWriteArrayList<String>()
    runBlocking {
        val first = launch { assistant.suggest(QUESTION) { heard += it } }
        while (heard.isEmpty()) delay(1)
        first.cancel()
        val before = heard.size
        val call = assistant.suggest(QUESTION)
        check(call.answer == ANSWER && call.action.status() == Action.Status.READY) { call.toString() }
        check(heard.size == before) { "pieces of a cancelled answer were heard: $heard" }
    }
    assistant.close()
}

private suspend fun anOpeningThatWasCancelled(context: Context) {
    Native.loadMillis = 300
    runBlocking {
        val opening = launch { openAssistant(context) }
        delay(100)
        opening.cancelAndJoin()
    }
}

private suspend fun anOpeningThatFailed(context: Context) {
    Native.sequence = intArrayOf() // computes something else than at export
    check(runCatching { openAssistant(context) }.isFailure)
}

private fun awaitNothingLeft() {
    repeat(200) {
        if (Native.handles.get() == 0 && Thread.getAllStackTraces().keys.none { it.name == "assistant" }) return
        Thread.sleep(10)
    }
    error("${Native.handles} native objects and perhaps a thread are left")
}

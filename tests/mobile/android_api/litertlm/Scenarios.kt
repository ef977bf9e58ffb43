package dev.tandem.assistant

import android.content.Context
import com.google.ai.edge.litertlm.Native
import dev.tandem.runtime.Action
import dev.tandem.runtime.ModelException
import java.io.File
import java.util.concurrent.CopyOnWriteArrayList
import kotlinx.coroutines.async
import kotlinx.coroutines.cancelAndJoin
import kotlinx.coroutines.delay
import kotlinx.coroutines.launch
import kotlinx.coroutines.runBlocking

private const val QUESTION = "turn on the kitchen lights"

private val scenarios = mapOf<String, suspend (Context) -> Unit>(
    "two_questions_at_once" to ::twoQuestionsAtOnce,
    "a_question_after_a_cancelled_one" to ::aQuestionAfterACancelledOne,
    "closed_in_the_middle_of_an_answer" to ::closedInTheMiddleOfAnAnswer,
    "a_failure_of_the_runtime" to ::aFailureOfTheRuntime,
    "an_opening_that_was_cancelled" to ::anOpeningThatWasCancelled,
)

/** [arguments]: a scenario, the exported folder, a folder of the app's own. Ends with an exception where it fails. */
fun main(arguments: Array<String>) {
    val (scenario, exported, own) = arguments
    Native.answer = """{"name":"HassTurnOn","arguments":{"area":"kitchen","domain":"light"}}"""
    runBlocking { scenarios.getValue(scenario)(Context(File(exported), File(own))) }
    check(Native.faults.isEmpty()) { Native.faults.toString() }
    awaitNothingLeft()
}

private suspend fun twoQuestionsAtOnce(context: Context) {
    val assistant = openAssistant(context)
    runBlocking {
        val both = List(2) { async { assistant.suggest(QUESTION) } }
        both.forEach { check(it.await().action.status() == Action.Status.READY) }
    }
    assistant.close()
}

private suspend fun aQuestionAfterACancelledOne(context: Context) {
    val assistant = openAssistant(context)
    Native.pieceMillis = 20
    val heard = CopyOnWriteArrayList<String>()
    runBlocking {
        val first = launch { assistant.suggest(QUESTION) { heard += it } }
        while (heard.isEmpty()) delay(1)
        first.cancel()
        val before = heard.size
        check(assistant.suggest(QUESTION).answer == Native.answer)
        check(heard.size == before) { "pieces of a cancelled answer were heard: $heard" }
    }
    assistant.close()
}

private suspend fun closedInTheMiddleOfAnAnswer(context: Context) {
    val assistant = openAssistant(context)
    runBlocking {
        val question = async { assistant.suggest(QUESTION) { assistant.close() } }
        check(question.await().answer == Native.answer)
    }
}

private suspend fun aFailureOfTheRuntime(context: Context) {
    val assistant = openAssistant(context)
    Native.failing = true
    val error = runCatching { assistant.suggest(QUESTION) }.exceptionOrNull()
    check(error is ModelException) { "an app knows ModelException, not $error" }
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

private fun awaitNothingLeft() {
    repeat(200) {
        if (Native.engines.get() == 0 && Thread.getAllStackTraces().keys.none { it.name == "assistant" }) return
        Thread.sleep(10)
    }
    error("${Native.engines} engines and perhaps a thread are left")
}

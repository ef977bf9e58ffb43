package dev.tandem.assistant

import androidx.test.ext.junit.runners.AndroidJUnit4
import androidx.test.platform.app.InstrumentationRegistry
import dev.tandem.runtime.Action
import dev.tandem.runtime.PromptException
import kotlinx.coroutines.runBlocking
import org.junit.Assert.assertEquals
import org.junit.Assert.assertThrows
import org.junit.Test
import org.junit.runner.RunWith

/** On a device: ./gradlew :assistant:connectedLitertDebugAndroidTest. Opening the assistant runs the self-test. */
@RunWith(AndroidJUnit4::class)
class GoldenTest {
    private val context = InstrumentationRegistry.getInstrumentation().targetContext

    @Test
    fun goldenTextBecomesTheCallOfTheExport() {
        openHere().use { assistant ->
            val call = runBlocking { assistant.suggest("turn on the kitchen lights") }
            assertEquals(Action.Status.READY, call.action.status())
            assertEquals("HassTurnOn", call.action.function())
            assertEquals("kitchen", call.action.arguments()["area"])
            val again = runBlocking { assistant.suggest("turn on the kitchen lights") } // its draft tokens are all accepted
            assertEquals(call.answer, again.answer)
        }
    }

    @Test
    fun emptyTextIsRefused() {
        openHere().use { assistant ->
            assertThrows(PromptException::class.java) { runBlocking { assistant.suggest("  ") } }
        }
    }

    private fun openHere(): Assistant = runBlocking { openAssistant(context, """{"area":["kitchen"]}""") }
}

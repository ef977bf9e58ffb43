package dev.tandem.app

import android.app.Application
import androidx.lifecycle.AndroidViewModel
import androidx.lifecycle.viewModelScope
import dev.tandem.assistant.Assistant
import dev.tandem.assistant.Call
import dev.tandem.assistant.openAssistant
import dev.tandem.runtime.ModelException
import kotlinx.coroutines.Job
import kotlinx.coroutines.flow.MutableStateFlow
import kotlinx.coroutines.flow.StateFlow
import kotlinx.coroutines.flow.update
import kotlinx.coroutines.isActive
import kotlinx.coroutines.launch

/** What the screen shows. [written]: the answer so far, while it is made. */
data class UiState(
    val loading: Boolean = true,
    val busy: Boolean = false,
    val written: String = "",
    val call: Call? = null,
    val fault: String? = null,
)

/** Keeps the model over rotations, and one question at a time. */
class AssistantViewModel(application: Application) : AndroidViewModel(application) {
    private val mutable = MutableStateFlow(UiState())
    private var assistant: Assistant? = null
    private var question: Job? = null

    val state: StateFlow<UiState> = mutable

    init {
        viewModelScope.launch {
            mutable.value = try {
                assistant = openAssistant(application, HOME)
                UiState(loading = false)
            } catch (error: ModelException) {
                UiState(loading = false, fault = error.message)
            }
        }
    }

    /** Asks; what was asked before is stopped. */
    fun suggest(text: String) {
        val assistant = assistant ?: return
        question?.cancel()
        mutable.value = UiState(loading = false, busy = true)
        question = viewModelScope.launch {
            mutable.value = try {
                val call = assistant.suggest(text) { piece ->
                    // Not active: what is on the screen is another question's.
                    mutable.update { if (isActive) it.copy(written = it.written + piece) else it }
                }
                UiState(loading = false, call = call)
            } catch (error: ModelException) {
                UiState(loading = false, fault = error.message)
            }
        }
    }

    /** Ends the answer at the next token. */
    fun stop() {
        question?.cancel()
        mutable.value = UiState(loading = false)
    }

    override fun onCleared() {
        assistant?.close()
    }

    private companion object {
        /** An app's own list of rooms and devices. */
        const val HOME = """{"area":["kitchen","living room","bedroom","bathroom","hall","garage"]}"""
    }
}

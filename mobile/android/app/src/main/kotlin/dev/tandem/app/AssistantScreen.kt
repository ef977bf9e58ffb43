package dev.tandem.app

import androidx.compose.foundation.layout.Arrangement
import androidx.compose.foundation.layout.Column
import androidx.compose.foundation.layout.fillMaxSize
import androidx.compose.foundation.layout.fillMaxWidth
import androidx.compose.foundation.layout.padding
import androidx.compose.foundation.layout.safeDrawingPadding
import androidx.compose.foundation.rememberScrollState
import androidx.compose.foundation.verticalScroll
import androidx.compose.material3.Button
import androidx.compose.material3.Card
import androidx.compose.material3.MaterialTheme
import androidx.compose.material3.OutlinedTextField
import androidx.compose.material3.Surface
import androidx.compose.material3.Text
import androidx.compose.material3.TextButton
import androidx.compose.runtime.Composable
import androidx.compose.runtime.getValue
import androidx.compose.runtime.mutableStateOf
import androidx.compose.runtime.saveable.rememberSaveable
import androidx.compose.runtime.setValue
import androidx.compose.ui.Modifier
import androidx.compose.ui.res.stringResource
import androidx.compose.ui.semantics.LiveRegionMode
import androidx.compose.ui.semantics.clearAndSetSemantics
import androidx.compose.ui.semantics.contentDescription
import androidx.compose.ui.semantics.liveRegion
import androidx.compose.ui.semantics.semantics
import androidx.compose.ui.unit.dp
import androidx.lifecycle.compose.collectAsStateWithLifecycle
import dev.tandem.assistant.Call
import dev.tandem.runtime.Action

/** Type a command or pick an example; the call appears as a card. Nothing is carried out. */
@Composable
fun AssistantScreen(model: AssistantViewModel) {
    val state by model.state.collectAsStateWithLifecycle()
    var text by rememberSaveable { mutableStateOf("") }
    Surface(modifier = Modifier.fillMaxSize()) {
        Column(
            modifier = Modifier.safeDrawingPadding().padding(16.dp).verticalScroll(rememberScrollState()),
            verticalArrangement = Arrangement.spacedBy(12.dp),
        ) {
            OutlinedTextField(
                value = text,
                onValueChange = { text = it },
                label = { Text(stringResource(R.string.hint)) },
                modifier = Modifier.fillMaxWidth(),
            )
            Examples { example ->
                text = example
                model.suggest(example)
            }
            if (state.busy) {
                Button(onClick = { model.stop() }) { Text(stringResource(R.string.stop)) }
            } else {
                Button(onClick = { model.suggest(text) }, enabled = !state.loading && text.isNotBlank()) {
                    Text(stringResource(R.string.suggest))
                }
            }
            Answer(state)
        }
    }
}

@Composable
private fun Examples(onPick: (String) -> Unit) {
    for (example in listOf(R.string.example_lights, R.string.example_timer, R.string.example_list)) {
        val words = stringResource(example)
        TextButton(onClick = { onPick(words) }) { Text(words) }
    }
}

/** One node, so that TalkBack speaks what it comes to hold. */
@Composable
private fun Answer(state: UiState) {
    val fault = state.fault
    val call = state.call
    Column(modifier = Modifier.semantics(mergeDescendants = true) { liveRegion = LiveRegionMode.Polite }) {
        when {
            state.loading -> Text(stringResource(R.string.loading))
            fault != null -> Text(fault, color = MaterialTheme.colorScheme.error)
            state.busy -> Writing(state.written)
            call != null -> CallCard(call)
        }
    }
}

/** To be read, not to be heard: TalkBack would spell half a JSON object, token by token. */
@Composable
private fun Writing(written: String) {
    val thinking = stringResource(R.string.thinking)
    Text(
        text = written.ifEmpty { thinking },
        modifier = Modifier.clearAndSetSemantics { contentDescription = thinking },
    )
}

@Composable
private fun CallCard(call: Call) {
    Card(modifier = Modifier.fillMaxWidth()) {
        Column(modifier = Modifier.padding(16.dp), verticalArrangement = Arrangement.spacedBy(8.dp)) {
            val nothing = call.action.status() == Action.Status.NOTHING
            Text(
                text = if (nothing) stringResource(R.string.nothing) else call.action.text(),
                style = MaterialTheme.typography.titleMedium,
            )
            Text(
                text = stringResource(R.string.figures, call.tokens, call.firstMillis, call.tokensPerSecond.toInt()),
                style = MaterialTheme.typography.bodySmall,
            )
        }
    }
}

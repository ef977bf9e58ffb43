// Declarations for a compiler, no code: see README.md of this folder.
package androidx.compose.foundation.layout

import androidx.compose.runtime.Composable
import androidx.compose.ui.Modifier
import androidx.compose.ui.unit.Dp

interface ColumnScope

object Arrangement {
    interface Vertical

    val Top: Vertical external get

    external fun spacedBy(space: Dp): Vertical
}

@Composable
external fun Column(
    modifier: Modifier = Modifier,
    verticalArrangement: Arrangement.Vertical = Arrangement.Top,
    content: @Composable ColumnScope.() -> Unit,
)

external fun Modifier.fillMaxSize(): Modifier

external fun Modifier.fillMaxWidth(): Modifier

external fun Modifier.padding(all: Dp): Modifier

external fun Modifier.safeDrawingPadding(): Modifier

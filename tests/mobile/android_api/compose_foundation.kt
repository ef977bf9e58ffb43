// Declarations for a compiler, no code: see README.md of this folder.
package androidx.compose.foundation

import androidx.compose.runtime.Composable
import androidx.compose.ui.Modifier

class ScrollState

@Composable
external fun isSystemInDarkTheme(): Boolean

@Composable
external fun rememberScrollState(): ScrollState

external fun Modifier.verticalScroll(state: ScrollState): Modifier

// Declarations for a compiler, no code: see README.md of this folder.
package androidx.compose.material3

import androidx.compose.foundation.layout.ColumnScope
import androidx.compose.runtime.Composable
import androidx.compose.ui.Modifier

interface RowScope

class Color

class TextStyle

class ColorScheme {
    val error: Color external get
}

class Typography {
    val titleMedium: TextStyle external get
    val bodySmall: TextStyle external get
}

object MaterialTheme {
    val colorScheme: ColorScheme external get
    val typography: Typography external get
}

external fun darkColorScheme(): ColorScheme

external fun lightColorScheme(): ColorScheme

@Composable
external fun MaterialTheme(colorScheme: ColorScheme, content: @Composable () -> Unit)

@Composable
external fun Surface(modifier: Modifier = Modifier, content: @Composable () -> Unit)

@Composable
external fun Card(modifier: Modifier = Modifier, content: @Composable ColumnScope.() -> Unit)

@Composable
external fun Text(text: String, modifier: Modifier = Modifier, color: Color = Color(), style: TextStyle = TextStyle())

@Composable
external fun Button(onClick: () -> Unit, enabled: Boolean = true, content: @Composable RowScope.() -> Unit)

@Composable
external fun TextButton(onClick: () -> Unit, enabled: Boolean = true, content: @Composable RowScope.() -> Unit)

@Composable
external fun OutlinedTextField(
    value: String,
    onValueChange: (String) -> Unit,
    modifier: Modifier = Modifier,
    label: @Composable (() -> Unit)? = null,
)

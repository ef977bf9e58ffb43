// Declarations for a compiler, no code: see README.md of this folder.
package androidx.compose.ui.unit

class Dp

val Int.dp: Dp external get

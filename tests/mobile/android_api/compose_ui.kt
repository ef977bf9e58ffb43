// Declarations for a compiler, no code: see README.md of this folder.
package androidx.compose.ui

interface Modifier {
    companion object : Modifier
}

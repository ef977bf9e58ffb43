// Declarations for a compiler, no code: see README.md of this folder.
package androidx.compose.ui.semantics

import androidx.compose.ui.Modifier

interface SemanticsPropertyReceiver

class LiveRegionMode private constructor() {
    companion object {
        val Polite: LiveRegionMode external get
    }
}

var SemanticsPropertyReceiver.contentDescription: String external get external set

var SemanticsPropertyReceiver.liveRegion: LiveRegionMode external get external set

external fun Modifier.clearAndSetSemantics(properties: SemanticsPropertyReceiver.() -> Unit): Modifier

external fun Modifier.semantics(
    mergeDescendants: Boolean = false,
    properties: SemanticsPropertyReceiver.() -> Unit,
): Modifier

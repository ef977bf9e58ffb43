// Declarations for a compiler, no code: see README.md of this folder.
package androidx.compose.ui.res

import androidx.compose.runtime.Composable

@Composable
external fun stringResource(id: Int): String

@Composable
external fun stringResource(id: Int, vararg formatArgs: Any): String

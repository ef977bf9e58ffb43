// Declarations for a compiler, no code: see README.md of this folder.
package android.app

import android.content.Context

abstract class Application : Context()

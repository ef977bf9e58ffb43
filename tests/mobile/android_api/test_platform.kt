// Declarations for a compiler, no code: see README.md of this folder.
package androidx.test.platform.app

import android.content.Context

class InstrumentationRegistry private constructor() {
    class Instrumentation {
        val targetContext: Context external get
    }

    companion object {
        @JvmStatic external fun getInstrumentation(): Instrumentation
    }
}

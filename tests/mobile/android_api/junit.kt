// Declarations for a compiler, no code: see README.md of this folder.
package org.junit

annotation class Test

object Assert {
    @JvmStatic external fun assertEquals(expected: Any?, actual: Any?)
    @JvmStatic external fun <T : Throwable> assertThrows(expectedThrowable: Class<T>, runnable: () -> Unit): T
}

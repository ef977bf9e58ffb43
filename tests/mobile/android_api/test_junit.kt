// Declarations for a compiler, no code: see README.md of this folder.
package androidx.test.ext.junit.runners

class AndroidJUnit4

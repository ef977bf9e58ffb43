// Declarations for a compiler, no code: see README.md of this folder.
package android.os

class Bundle

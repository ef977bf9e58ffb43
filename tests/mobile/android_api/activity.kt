// Declarations for a compiler, no code: see README.md of this folder.
package androidx.activity

import android.content.Context
import android.os.Bundle
import androidx.lifecycle.ViewModel

abstract class ComponentActivity : Context() {
    protected open fun onCreate(savedInstanceState: Bundle?) = Unit
}

external fun ComponentActivity.enableEdgeToEdge()

external fun <T : ViewModel> ComponentActivity.viewModels(): Lazy<T>

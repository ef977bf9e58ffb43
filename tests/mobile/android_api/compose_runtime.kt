// Declarations for a compiler, no code: see README.md of this folder.
package androidx.compose.runtime

import kotlin.reflect.KProperty

@Target(AnnotationTarget.FUNCTION, AnnotationTarget.TYPE)
annotation class Composable

interface State<out T>

interface MutableState<T> : State<T>

external operator fun <T> State<T>.getValue(thisObj: Any?, property: KProperty<*>): T

external operator fun <T> MutableState<T>.setValue(thisObj: Any?, property: KProperty<*>, value: T)

external fun <T> mutableStateOf(value: T): MutableState<T>

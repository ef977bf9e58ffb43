// Declarations for a compiler, no code: see README.md of this folder.
package org.junit.runner

import kotlin.reflect.KClass

annotation class RunWith(val value: KClass<*>)

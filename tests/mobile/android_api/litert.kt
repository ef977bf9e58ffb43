// A stand-in with code: see README.md of this folder.
package com.google.ai.edge.litert

import android.content.res.AssetManager
import java.util.concurrent.atomic.AtomicInteger

class LiteRtException(message: String) : Exception(message)

enum class Accelerator { NONE, CPU, GPU, NPU }

/** What a test sets and sees of the native side. The model says [sequence], whatever it is asked. */
object Native {
    val handles = AtomicInteger()
    @Volatile var loadMillis = 0L
    @Volatile var stepMillis = 0L
    @Volatile var window = 0
    @Volatile var vocabSize = 0
    @Volatile var sequence = intArrayOf()
}

abstract class JniHandle : AutoCloseable {
    init {
        Native.handles.incrementAndGet()
    }

    override fun close() {
        Native.handles.decrementAndGet()
    }
}

class Environment : JniHandle()

data class TensorType(val elementType: ElementType, val layout: Layout? = null) {
    enum class ElementType { INT, FLOAT, INT8, BOOLEAN, INT64 }

    data class Layout(val dimensions: List<Int>, val strides: List<Int> = listOf())
}

class Model private constructor() : JniHandle() {
    fun getInputTensorType(inputName: String, signature: String? = null): TensorType =
        type(if (inputName == "mask") Native.window else 1, signature)

    fun getOutputTensorType(outputName: String, signature: String? = null): TensorType =
        type(if (outputName == "logits") Native.vocabSize else 1, signature)

    private fun type(last: Int, signature: String?): TensorType {
        check(signature == "decode") { "no signature $signature" }
        return TensorType(TensorType.ElementType.FLOAT, TensorType.Layout(listOf(1, 1, last)))
    }

    companion object {
        @JvmStatic fun load(assetManager: AssetManager, assetName: String): Model {
            assetManager.openFd(assetName).use { Thread.sleep(Native.loadMillis) }
            return Model()
        }

        @JvmStatic external fun load(filePath: String): Model
    }
}

class TensorBuffer internal constructor() : JniHandle() {
    private var ints = intArrayOf()
    private var floats = floatArrayOf()

    fun writeInt(data: IntArray) {
        ints = data.copyOf()
    }

    fun writeFloat(data: FloatArray) {
        floats = data.copyOf()
    }

    fun readInt(): IntArray = ints

    fun readFloat(): FloatArray = floats
}

class CompiledModel private constructor() : JniHandle() {
    data class CpuOptions(
        val numThreads: Int? = null,
        val xnnPackFlags: Int? = null,
        val xnnPackWeightCachePath: String? = null,
    )

    class Options(internal val accelerators: Set<Accelerator>) {
        constructor(vararg accelerators: Accelerator) : this(setOf(*accelerators))

        var cpuOptions: CpuOptions? = null
    }

    fun createInputBuffer(inputName: String, signature: String? = null): TensorBuffer =
        TensorBuffer().also { check(inputName.isNotEmpty() && signature != null) }

    fun createOutputBuffer(outputName: String, signature: String? = null): TensorBuffer =
        TensorBuffer().also { check(outputName.isNotEmpty() && signature != null) }

    external fun run(inputs: List<TensorBuffer>, outputs: List<TensorBuffer>, signature: String)

    fun run(inputs: Map<String, TensorBuffer>, outputs: Map<String, TensorBuffer>, signature: String? = null) {
        checkNotNull(signature)
        Thread.sleep(Native.stepMillis)
        val rows = inputs.getValue("input_pos").readInt().map { Native.sequence.getOrElse(it + 1) { 0 } }
        val size = Native.vocabSize
        outputs["logits"]?.writeFloat(FloatArray(rows.size * size) { if (rows[it / size] == it % size) 9f else 0f })
    }

    companion object {
        @JvmStatic
        fun create(model: Model, options: Options = Options(), optionalEnv: Environment? = null): CompiledModel =
            CompiledModel().also { check(options.accelerators.isNotEmpty() && optionalEnv == null) { "$model" } }
    }
}

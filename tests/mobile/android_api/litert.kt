// Declarations for a compiler, no code: see README.md of this folder.
package com.google.ai.edge.litert

import android.content.res.AssetManager

class LiteRtException(message: String) : Exception(message)

enum class Accelerator { NONE, CPU, GPU, NPU }

abstract class JniHandle : AutoCloseable {
    override fun close() = Unit
}

class Environment : JniHandle()

data class TensorType(val elementType: ElementType, val layout: Layout? = null) {
    enum class ElementType { INT, FLOAT, INT8, BOOLEAN, INT64 }

    data class Layout(val dimensions: List<Int>, val strides: List<Int> = listOf())
}

class Model private constructor() : JniHandle() {
    external fun getInputTensorType(inputName: String, signature: String? = null): TensorType
    external fun getOutputTensorType(outputName: String, signature: String? = null): TensorType

    companion object {
        @JvmStatic external fun load(assetManager: AssetManager, assetName: String): Model
        @JvmStatic external fun load(filePath: String): Model
    }
}

class TensorBuffer internal constructor() : JniHandle() {
    external fun writeInt(data: IntArray)
    external fun writeFloat(data: FloatArray)
    external fun readInt(): IntArray
    external fun readFloat(): FloatArray
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

    external fun createInputBuffer(inputName: String, signature: String? = null): TensorBuffer
    external fun createOutputBuffer(outputName: String, signature: String? = null): TensorBuffer
    external fun run(inputs: List<TensorBuffer>, outputs: List<TensorBuffer>, signature: String)
    external fun run(inputs: Map<String, TensorBuffer>, outputs: Map<String, TensorBuffer>, signature: String? = null)

    companion object {
        @JvmStatic
        external fun create(model: Model, options: Options = Options(), optionalEnv: Environment? = null): CompiledModel
    }
}

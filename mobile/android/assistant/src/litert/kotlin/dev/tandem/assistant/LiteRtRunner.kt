package dev.tandem.assistant

import android.content.res.AssetManager
import com.google.ai.edge.litert.Accelerator
import com.google.ai.edge.litert.CompiledModel
import com.google.ai.edge.litert.Model
import com.google.ai.edge.litert.TensorBuffer
import com.google.ai.edge.litert.TensorType
import dev.tandem.runtime.Bundle
import dev.tandem.runtime.Runner

/**
 * A .tflite file on LiteRT's CompiledModel, by signature and tensor name.
 *
 * Each cache is one buffer, given as input and as output of every signature: the write is in place then, and nothing
 * is copied between the steps, whatever the window (as mobile/runtime/compiled_runner.py, which is measured).
 */
internal class LiteRtRunner(assets: AssetManager, bundle: Bundle, variant: String, threads: Int = 1) : Runner {
    private val model = Model.load(assets, bundle.modelFile(variant))
    private val compiled = CompiledModel.create(model, options(threads))
    private val buckets = bundle.buckets
    private val window = dimensions(model.getInputTensorType("mask", DECODE)).last()
    private val vocabSize = dimensions(model.getOutputTensorType("logits", DECODE)).last()
    private val zeros = bundle.cacheNames(variant).associateWith { name ->
        FloatArray(dimensions(model.getInputTensorType(name, DECODE)).fold(1) { size, side -> size * side })
    }
    private val caches = zeros.mapValues { (name, _) -> compiled.createInputBuffer(name, DECODE) }
    private val verifySize = bundle.verifySize(variant)
    private val verify = "verify_$verifySize"
    private val answering = if (verifySize > 0) listOf(DECODE, verify) else listOf(DECODE) // they give logits
    private val logits = answering.associateWith { compiled.createOutputBuffer("logits", it) }
    private val given = (buckets.map { "prefill_$it" } + answering).associateWith { signature ->
        listOf("tokens", "input_pos", "mask").associateWith { compiled.createInputBuffer(it, signature) }
    }

    override fun window(): Int = window

    override fun vocabSize(): Int = vocabSize

    override fun buckets(): IntArray = buckets

    override fun clear() = caches.forEach { (name, buffer) -> buffer.writeFloat(zeros.getValue(name)) }

    override fun prefill(bucket: Int, tokens: IntArray, positions: IntArray, mask: FloatArray) =
        run("prefill_$bucket", caches, tokens, positions, mask)

    override fun decode(token: Int, position: Int, mask: FloatArray): FloatArray =
        answer(DECODE, intArrayOf(token), intArrayOf(position), mask)

    override fun verifySize(): Int = verifySize

    override fun verify(tokens: IntArray, positions: IntArray, mask: FloatArray): FloatArray =
        answer(verify, tokens, positions, mask)

    override fun close() {
        (caches.values + logits.values + given.values.flatMap { it.values }).forEach(TensorBuffer::close)
        compiled.close()
        model.close()
    }

    private fun answer(signature: String, tokens: IntArray, positions: IntArray, mask: FloatArray): FloatArray {
        val buffer = logits.getValue(signature)
        run(signature, caches + ("logits" to buffer), tokens, positions, mask)
        return buffer.readFloat()
    }

    private fun run(
        signature: String,
        outputs: Map<String, TensorBuffer>,
        tokens: IntArray,
        positions: IntArray,
        mask: FloatArray,
    ) {
        val inputs = given.getValue(signature)
        inputs.getValue("tokens").writeInt(tokens)
        inputs.getValue("input_pos").writeInt(positions)
        inputs.getValue("mask").writeFloat(mask)
        compiled.run(inputs + caches, outputs, signature)
    }

    private companion object {
        const val DECODE = "decode"

        /** CPU: for a model of a few million weights the way to a GPU and back takes longer than the work. */
        fun options(threads: Int) = CompiledModel.Options(Accelerator.CPU).apply {
            cpuOptions = CompiledModel.CpuOptions(numThreads = threads)
        }

        fun dimensions(type: TensorType) = requireNotNull(type.layout) { "LiteRT tells no shape" }.dimensions
    }
}

// The library: one text in, one checked call out. Its core is plain Java, shared with every JVM (mobile/jvm).
import org.jetbrains.kotlin.gradle.dsl.JvmTarget

plugins {
    alias(libs.plugins.android.library)
    alias(libs.plugins.kotlin.android)
}

android {
    namespace = "dev.tandem.assistant"
    compileSdk = 35

    defaultConfig {
        minSdk = 26 // the core calls what Java 8 has (tests/mobile/test_jvm.py); LiteRT itself needs 24
        testInstrumentationRunner = "androidx.test.runner.AndroidJUnitRunner"
    }

    flavorDimensions += "runtime"
    productFlavors {
        create("litert") { dimension = "runtime" } // CompiledModel: constrained decoding, the .tflite file
        create("litertlm") { dimension = "runtime" } // Engine: fastest, unconstrained, the .litertlm file
    }

    sourceSets {
        getByName("main") {
            java.srcDir("../../jvm/src/main/java")
            assets.srcDir(rootProject.file(providers.gradleProperty("tandem.mobile").get()))
        }
    }

    // Of the APK of this library's own tests; an app says the same in its build file.
    androidResources { noCompress += listOf("tflite", "litertlm", "json") }

    compileOptions {
        sourceCompatibility = JavaVersion.VERSION_17
        targetCompatibility = JavaVersion.VERSION_17
    }
}

kotlin { compilerOptions { jvmTarget = JvmTarget.JVM_17 } }

dependencies {
    api(libs.coroutines)
    "litertImplementation"(libs.litert)
    "litertlmImplementation"(libs.litertlm)
    androidTestImplementation(libs.test.junit)
    androidTestImplementation(libs.test.runner)
}

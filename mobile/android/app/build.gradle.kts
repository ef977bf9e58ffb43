// The screen. Everything about the model is in the library `assistant`.
import org.jetbrains.kotlin.gradle.dsl.JvmTarget

plugins {
    alias(libs.plugins.android.application)
    alias(libs.plugins.kotlin.android)
    alias(libs.plugins.kotlin.compose)
}

android {
    namespace = "dev.tandem.app"
    compileSdk = 35

    defaultConfig {
        applicationId = "dev.tandem.app"
        minSdk = 26
        targetSdk = 35
        versionCode = 1
        versionName = "1.0"
        ndk { abiFilters += setOf("arm64-v8a", "x86_64") } // phones, and the emulator
    }

    flavorDimensions += "runtime"
    productFlavors {
        create("litert") { dimension = "runtime" }
        create("litertlm") {
            dimension = "runtime"
            applicationIdSuffix = ".lm" // both can be installed side by side
        }
    }

    buildTypes {
        release {
            isMinifyEnabled = true
            proguardFiles(getDefaultProguardFile("proguard-android-optimize.txt"), "proguard-rules.pro")
        }
    }

    // Models are mapped from the APK as they are, and json files tell their size at once: nothing is compressed.
    androidResources { noCompress += listOf("tflite", "litertlm", "json") }

    buildFeatures { compose = true }
    compileOptions {
        sourceCompatibility = JavaVersion.VERSION_17
        targetCompatibility = JavaVersion.VERSION_17
    }
}

kotlin { compilerOptions { jvmTarget = JvmTarget.JVM_17 } }

dependencies {
    implementation(project(":assistant"))
    implementation(libs.activity.compose)
    implementation(platform(libs.compose.bom))
    implementation(libs.compose.material3)
    implementation(libs.lifecycle.runtime.compose)
    implementation(libs.lifecycle.viewmodel.compose)
}

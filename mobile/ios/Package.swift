// swift-tools-version: 5.9
// Tandem for iOS: `Tandem` needs Foundation only; `TandemLiteRTLM` runs the student's .litertlm by Google's LiteRT-LM.

import PackageDescription

let package = Package(
  name: "Tandem",
  platforms: [.iOS(.v15), .macOS(.v12)],
  products: [
    .library(name: "Tandem", targets: ["Tandem"]),
    .library(name: "TandemLiteRTLM", targets: ["TandemLiteRTLM"]),
  ],
  dependencies: [
    .package(url: "https://github.com/google-ai-edge/LiteRT-LM", .upToNextMinor(from: "0.17.0"))
  ],
  targets: [
    .target(name: "Tandem"),
    .target(
      name: "TandemLiteRTLM",
      dependencies: ["Tandem", .product(name: "LiteRTLM", package: "LiteRT-LM")]
    ),
    .testTarget(name: "TandemTests", dependencies: ["Tandem"]),
  ]
)

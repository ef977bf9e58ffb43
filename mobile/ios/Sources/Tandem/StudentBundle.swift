import Foundation

#if canImport(CryptoKit)
  import CryptoKit
#endif

/// The checked contents of an exported folder (`mobile/` of a run): bundle.json and the files it names.
public struct StudentBundle: Sendable {
  public static let formatVersion = 1
  private static let constraints: Set<String> = ["off", "schema", "substrings"]

  public let folder: URL
  public let window: Int
  public let vocabularySize: Int
  public let stopIds: [Int]
  public let toolsFile: String?
  public let litertlmFile: String?
  public let golden: Golden
  private let files: [String: FileEntry]

  /// The prompt of the self-test, and the first greedy ids it must be answered with, by variant.
  public struct Golden: Sendable {
    public let userText: String
    public let firstIds: [String: [Int]]
  }

  private struct FileEntry: Sendable {
    let bytes: Int
    let sha256: String
  }

  /// Reads FOLDER/bundle.json and compares the size of every file; `StudentError.damaged` names what is wrong.
  public init(folder: URL) throws {
    let file = folder.appendingPathComponent("bundle.json")
    guard let json = try? JSONValue(contentsOf: file) else {
      throw StudentError.damaged("\(file.path) is missing or no JSON. Copy the whole exported folder into the app.")
    }
    guard json["format_version"]?.integer == Self.formatVersion else {
      throw StudentError.damaged("\(file.path) is of another format_version than \(Self.formatVersion). Export again.")
    }
    guard let window = json["window"]?.integer, let vocabularySize = json["vocab_size"]?.integer,
      let stopIds = Self.ids(json["stop_ids"]), let startId = json["start_id"]?.integer,
      let golden = Self.golden(json["golden"]), let files = Self.files(json["files"]),
      let variants = Self.variants(json["variants"]), let tools = json["tools_file"]
    else {
      throw StudentError.damaged("\(file.path) is damaged: a field is missing or of another kind. Copy it again.")
    }
    let used = Set(variants + ["tokenizer.json"] + [tools.string].compactMap { $0 })
    let special = stopIds + [startId]
    guard window > 0, vocabularySize > 0, !stopIds.isEmpty, special.allSatisfy((0..<vocabularySize).contains),
      !variants.isEmpty, used.isSubset(of: files.keys), files.keys.allSatisfy(Self.isPlainName),
      Self.constraints.contains(json["constrain"]?.string ?? "off")
    else {
      throw StudentError.damaged("\(file.path) is damaged: it says what no export writes. Copy the folder again.")
    }
    self.folder = folder
    self.window = window
    self.vocabularySize = vocabularySize
    self.stopIds = stopIds
    self.golden = golden
    self.files = files
    toolsFile = tools.string
    litertlmFile = json["litertlm_file"]?.string
    for name in files.keys.sorted() { try checkSize(name) }
  }

  /// The file's place; `StudentError.damaged` where bundle.json does not list it, or its sha256 differs.
  public func checked(_ name: String?) throws -> URL {
    guard let name, let entry = files[name] else {
      throw StudentError.damaged("bundle.json in \(folder.path) does not list \(name ?? "such a file").")
    }
    let file = folder.appendingPathComponent(name)
    #if canImport(CryptoKit)
      let digest = SHA256.hash(data: try Data(contentsOf: file, options: .mappedIfSafe))
      guard digest.map({ String(format: "%02x", $0) }).joined() == entry.sha256 else {
        throw StudentError.damaged("\(file.path) is damaged: its sha256 is not the one in bundle.json. Copy it again.")
      }
    #endif
    return file
  }

  private func checkSize(_ name: String) throws {
    let file = folder.appendingPathComponent(name)
    let attributes = try? FileManager.default.attributesOfItem(atPath: file.path)
    guard let size = (attributes?[.size] as? NSNumber)?.intValue else {
      throw StudentError.damaged("\(file.path) does not exist. Copy the whole exported folder into the app.")
    }
    guard size == files[name]?.bytes else {
      throw StudentError.damaged("\(file.path) has \(size) bytes, bundle.json says otherwise: truncated or replaced.")
    }
  }

  /// The file of each variant.
  private static func variants(_ json: JSONValue?) -> [String]? {
    guard let members = json?.object else { return nil }
    let names = members.values.compactMap { $0["file"]?.string }
    return names.count == members.count ? names : nil
  }

  private static func isPlainName(_ name: String) -> Bool {
    !name.isEmpty && name != "." && name != ".." && !name.contains("/") && !name.contains("\\")
  }

  private static func golden(_ json: JSONValue?) -> Golden? {
    guard let message = json?["messages"]?.array?.first, json?["messages"]?.array?.count == 1,
      let text = message["content"]?.string, let variants = json?["first_ids"]?.object
    else { return nil }
    let firstIds = variants.compactMapValues { ids($0) }
    return firstIds.count == variants.count ? Golden(userText: text, firstIds: firstIds) : nil
  }

  private static func files(_ json: JSONValue?) -> [String: FileEntry]? {
    guard let members = json?.object else { return nil }
    let entries = members.compactMapValues { entry -> FileEntry? in
      guard let bytes = entry["bytes"]?.integer, let sha256 = entry["sha256"]?.string else { return nil }
      return FileEntry(bytes: bytes, sha256: sha256)
    }
    return entries.count == members.count ? entries : nil
  }

  private static func ids(_ json: JSONValue?) -> [Int]? {
    guard let items = json?.array else { return nil }
    let ids = items.compactMap(\.integer)
    return ids.count == items.count ? ids : nil
  }
}

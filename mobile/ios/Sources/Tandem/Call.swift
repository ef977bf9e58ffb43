/// What has become of one answer: a call that may be carried out, a question, or a refusal
/// (`vectors/actions.json` of mobile/contract has the same seven fields).
public struct Call: Equatable, Sendable {
  public enum Status: String, Sendable {
    /// May be carried out.
    case ready
    /// The model says that no function applies.
    case nothing
    /// A name is unclear: see `questions`.
    case ask
    case refused
  }

  /// A name that was replaced by the home's.
  public struct Correction: Equatable, Sendable {
    public let argument, said, meant: String
  }

  /// A name that may mean one of the suggestions, best first.
  public struct Question: Equatable, Sendable {
    public let argument, said: String
    public let suggestions: [String]
  }

  public let status: Status
  public let function: String?
  public let arguments: [String: JSONValue]
  public let corrected: [Correction]
  public let questions: [Question]
  public let fault: Fault?

  init(
    _ status: Status, function: String? = nil, arguments: [String: JSONValue] = [:], corrected: [Correction] = [],
    questions: [Question] = [], fault: Fault? = nil
  ) {
    self.status = status
    self.function = function
    self.arguments = arguments
    self.corrected = corrected
    self.questions = questions
    self.fault = fault
  }

  static func refused(_ function: String?, _ fault: Fault) -> Call {
    Call(.refused, function: function, fault: fault)
  }
}

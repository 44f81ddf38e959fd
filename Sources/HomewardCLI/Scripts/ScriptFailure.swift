import Foundation
import HomewardCore
import LuaHost

/// Why a script, or what was to be done with it, came to nothing: one shape for refusals and for errors of Lua.
package struct ScriptFailure: Error, Hashable, Sendable, Encodable {
    var code: String
    var message: String
    var hint: String
    var object: String
    var host: String?
    /// `FILE:LINE`; nil outside scripts.
    var `where`: String?

    package init(_ error: any Error) {
        switch error {
        case let error as LuaError: self.init(error)
        case let refusal as Refusal: self.init(refusal)
        case let failure as ScriptFailure: self = failure
        case is CancellationError:
            self.init(Refusal(.interrupted, "homeward", "interrupted", hint: "give the command again"))
        default: self.init(Refusal(.ioError, "homeward", "\(error)", hint: "give the command again"))
        }
    }

    private init(_ error: LuaError) {
        (code, message, hint, object) = (error.code.rawValue, error.message, error.hint, error.object)
        (host, `where`) = (error.host, error.place)
    }

    private init(_ refusal: Refusal) {
        (code, message, hint, object) = (refusal.code.rawValue, refusal.message, refusal.hint, refusal.object)
        host = refusal.host
    }

    /// `FILE:LINE: host: object: message [code]`, and the hint below it.
    package var text: String {
        // A message that begins with the file and its line names the object itself.
        let isNamed = object.isEmpty || object == host || message.hasPrefix("\(object):")
        let place = [`where`, host, isNamed ? nil : object].compactMap { $0 }.map { "\($0): " }.joined()
        let line = "\(place)\(message) [\(code)]"
        return hint.isEmpty ? line : "\(line)\n  hint: \(hint)"
    }

    /// `{"error": {…}}`.
    package var json: String {
        struct Wrapped: Encodable { var error: ScriptFailure }
        return (try? StableJSON.text(Wrapped(error: self))) ?? "{}"
    }

    /// `{"error": {…}, "run": ID}`: of a run that the journal knows.
    package func json(ofRun id: String) -> String {
        struct Wrapped: Encodable {
            var error: ScriptFailure
            var run: String
        }
        return (try? StableJSON.text(Wrapped(error: self, run: id))) ?? "{}"
    }

    /// The fields as the journal keeps them.
    var detail: String { (try? StableJSON.text(self)) ?? "{}" }

    /// What to do next, as the journal has it of a run that ended so.
    mutating func takeHint(ofDetail detail: String) {
        struct Told: Decodable { var hint: String? }
        guard let told = try? JSONDecoder().decode(Told.self, from: Data(detail.utf8)), let hint = told.hint else {
            return
        }
        self.hint = hint
    }

    package var exitCode: Int32 { RefusalCode(rawValue: code).map(CommandRunner.exitCode) ?? 1 }
}

import ArgumentParser
import HomewardCore

extension Plan {
    /// What a whole line amounts to, its program's name first.
    ///
    /// - Throws: ``Refusal``, or what the argument parser throws.
    package static func of(_ line: [String]) throws -> Plan {
        let words = line.first == "homeward" ? Array(line.dropFirst()) : line
        guard let command = try Homeward.parseAsRoot(words) as? any InquiringCommand else {
            throw Refusal(.usage, line.joined(separator: " "), "this is no request", hint: "homeward help")
        }
        return try command.plan().get()
    }
}

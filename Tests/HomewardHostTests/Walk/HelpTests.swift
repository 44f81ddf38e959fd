import HomewardCLI
import Testing

/// What the program says of itself.
@Suite("Help", .serialized, .timeLimit(.minutes(1)))
struct HelpTests {
    @Test("help of the program, of every command and of every verb reads as approved")
    func pages() async throws {
        try await Operator.run { someone in
            var transcript = Transcript("What the program says of itself", Steady(folder: someone.trio.folder))
            var lines = ["homeward help"]
            for command in HomewardCommand.commandNames {
                lines.append("homeward help \(command.joined(separator: " "))")
            }
            for language in VVRLanguage.all {
                lines += language.verbNames.map { "\(language.name) help \($0)" }
            }
            for line in lines {
                let typed = await someone.type(line)
                #expect(typed.exit == 0 && !typed.shown.isEmpty, "\(line): \(typed.shown)")
                transcript.add(typed)
            }
            try transcript.approve(as: "help")
        }
    }
}

import Foundation

// usage: embed-scripts FOLDER OUTPUT FILE...
//
// Writes a Swift file that holds each FILE's bytes under its path within FOLDER.
let arguments = CommandLine.arguments
guard arguments.count >= 3 else {
    FileHandle.standardError.write(Data("usage: embed-scripts FOLDER OUTPUT FILE...\n".utf8))
    exit(2)
}
let folder = arguments[1] + "/"
var lines = [
    "/// Text by path within `scripts/`, in the order of the paths.",
    "let embeddedScripts: [(path: String, text: String)] = [",
]
for file in arguments.dropFirst(3) {
    guard file.hasPrefix(folder), let text = try? String(contentsOfFile: file, encoding: .utf8) else {
        FileHandle.standardError.write(Data("embed-scripts: \(file) cannot be read as UTF-8\n".utf8))
        exit(1)
    }
    // A raw literal with more marks than any run of marks in the text.
    var marks = "#"
    while text.contains("\"\(marks)") || text.contains("\\\(marks)") || text.contains("\"\"\"\(marks)") { marks += "#" }
    lines.append("    (\"\(file.dropFirst(folder.count))\", \(marks)\"\"\"\n\(text)\n\"\"\"\(marks)),")
}
lines.append("]")
do {
    try (lines.joined(separator: "\n") + "\n").write(toFile: arguments[2], atomically: true, encoding: .utf8)
} catch {
    FileHandle.standardError.write(Data("embed-scripts: \(arguments[2]): \(error)\n".utf8))
    exit(1)
}

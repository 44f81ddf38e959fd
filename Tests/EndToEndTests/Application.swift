import Foundation
import Testing

/// An application of a site: a process that writes to the volumes of whichever host is Primary, started and stopped by a
/// program of its own, as systemd would; and the site file whose hooks call it.
struct Application {
    let lab: TestLab
    let site: String
    private let control: String

    /// Writes its program and the site file into the lab's folder; starts nothing.
    init(_ lab: TestLab) throws {
        self.lab = lab
        control = try lab.write("application", Self.program, mode: 0o700)
        site = try lab.write(
            "site.lua",
            """
            local hw = require("homeward")
            return {
              stop_application = function(ctx) hw.sh{ "\(control)", "stop", on = ctx.host } end,
              start_application = function(ctx) hw.sh{ "\(control)", "start", on = ctx.host } end,
            }
            """
        )
    }

    /// `start` and `stop` may both be repeated, and wait for each other; the process number is written before the application begins.
    private static let program = """
        #!/bin/sh
        folder=$(dirname "$0")
        exec 9>"$folder/application.lock"
        flock 9
        alive() { pid=$(cat "$folder/application.pid" 2>/dev/null) && grep -qas \(words) "/proc/$pid/cmdline"; }
        case $1 in
        start)
          alive && exit 0
          # Whoever started this may wait until nobody has its descriptors any more.
          setsid --fork bash -c 'for fd in $(ls /proc/$$/fd); do [ "$fd" -gt 2 ] && eval "exec $fd>&-"; done
            echo $$ >"$1/application.pid"; exec "$1/homeward" lab load --seconds 900 --rate 200' \\
            bash "$folder" >"$folder/application.log" 2>&1 </dev/null
          for _ in 1 2 3 4 5 6 7 8 9 10; do sleep 0.05; alive && break; done
          sleep 0.2
          alive || { cat "$folder/application.log" >&2; exit 1; }
          ;;
        stop)
          alive || exit 0
          kill "$pid"
          while alive; do sleep 0.02; done
          ;;
        esac
        """

    func start() throws { try command("start") }
    func stop() throws { try command("stop") }

    /// A host is lost, and the application with it: its process takes a moment to see that.
    func lose(_ host: String) throws {
        try lab.succeed("homeward lab crash \(host)")
        try lab.wait(for: "the application to end", seconds: 20) { process == nil }
    }

    private func command(_ word: String) throws {
        let output = try lab.start(["application", word], seconds: 20).wait()
        guard output.status == 0 else { throw Unmet(description: "\(output)\(whereItStands)") }
    }

    /// What each of its threads waits for, and how the hosts stand: a stop that does not end has to be explained.
    private var whereItStands: String {
        guard let process else { return "it does not run" }
        let tasks = "/proc/\(process)/task"
        let threads = (try? FileManager.default.contentsOfDirectory(atPath: tasks)) ?? []
        let waits = threads.map { thread in
            ["comm", "wchan", "syscall"].map { text("\(tasks)/\(thread)/\($0)") }.joined(separator: " ")
        }
        let hosts = (try? lab.run("vradmin -g hrdg -l repstatus hr_rvg", seconds: 10))?.description ?? ""
        return "process \(process): \(waits.joined(separator: "; "))\n\(hosts)"
    }

    /// The process that runs now.
    var process: Int? {
        guard let id = Int(text("\(lab.folder)/application.pid")), text("/proc/\(id)/cmdline").contains(Self.words)
        else {
            return nil
        }
        return id
    }

    /// What its command line tells it by; numbers of processes come again.
    private static let words = "load"

    private func text(_ path: String) -> String {
        String(decoding: FileManager.default.contents(atPath: path) ?? Data(), as: UTF8.self)
            .trimmingCharacters(in: .whitespacesAndNewlines)
    }

    /// It runs once, and its volumes are those of this host and no other.
    func proveRuns(on primary: String) throws {
        let process = try #require(process, "the application does not run")
        try lab.wait(for: "application on \(primary)", seconds: 20) {
            try lab.member(primary)["volumes"].items.contains { !$0["openBy"].items.isEmpty }
        }
        for host in TestLab.hosts {
            let holders = try lab.member(host)["volumes"].items.flatMap { $0["openBy"].items }
            let ids = Set(holders.compactMap { $0["process"].number ?? $0["pid"].number })
            #expect(ids == (host == primary ? [process] : []), "\(host): \(holders)")
        }
    }
}

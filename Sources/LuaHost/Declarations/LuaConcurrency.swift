/// Functions that run several things, bound one in time, or wait.
///
/// A module takes them in.
public enum LuaConcurrency {
    /// `parallel`, `timeout`, `sleep`.
    public static func functions<Verb: Sendable>() -> [LuaFunction<Verb>] {
        [
            LuaFunction(
                "parallel",
                "Runs functions at the same time and returns their results in order.",
                details: """
                    Each may wait. The first error cancels the others, waits until they have ended, and is raised. \
                    Of each function the first result is returned.
                    """,
                [LuaParameter("functions", .array(.function), "What to run.")],
                returns: .any,
                "the first result of each function, in their order",
                body: .lua(parallel)
            ),
            LuaFunction(
                "timeout",
                "Runs a function for at most so many seconds and returns its results.",
                details: "When the time is over it is cancelled, its end is awaited, and `timed-out` is raised.",
                [
                    LuaParameter("seconds", .number, "How long it may take."),
                    LuaParameter("f", .function, "What to run."),
                ],
                returns: .any,
                "what the function returns",
                body: .lua(timeout)
            ),
            LuaFunction(
                "sleep",
                "Waits so many seconds.",
                [LuaParameter("seconds", .number, "How long; 0 lets others run.")],
                body: .lua("function(seconds) native.sleep(seconds) end")
            ),
        ]
    }

    private static let parallel = #"""
        function(functions)
          local fibers, waiting, positions, results = {}, {}, {}, {}
          local guard <close> = native.guard(fibers)
          for i, f in ipairs(functions) do
            fibers[i] = native.spawn(f)
            waiting[i], positions[i] = fibers[i], i
          end
          local failed
          while #waiting > 0 do
            local index = native.wait(waiting)
            local ended, position = table.remove(waiting, index), table.remove(positions, index)
            if not failed then
              if native.outcome(ended) == "done" then
                results[position] = (native.results(ended))
              else
                failed = ended
                for _, fiber in ipairs(waiting) do native.cancel(fiber) end
              end
            end
          end
          if failed then native.results(failed) end
          return table.unpack(results, 1, #functions)
        end
        """#

    private static let timeout = #"""
        function(seconds, f)
          local fiber = native.spawn(f)
          local guard <close> = native.guard({ fiber })
          if not native.wait({ fiber }, seconds) then
            native.cancel(fiber)
            native.wait({ fiber })
            native.raise{
              code = "timed-out",
              message = string.format("not done after %g seconds", seconds),
              hint = "allow more time, or look at what it waits for",
            }
          end
          return native.results(fiber)
        end
        """#
}

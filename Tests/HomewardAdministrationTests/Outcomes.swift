import HomewardAdministration
import HomewardCore
import Testing

/// What a request was refused with; nil when it was carried out or has not ended.
func refusal(of result: Result<RVGAnswer, Refusal>?) -> Refusal? {
    if case .failure(let refusal)? = result { refusal } else { nil }
}

/// The code of that.
func code(_ result: Result<RVGAnswer, Refusal>?) -> RefusalCode? { refusal(of: result)?.code }

/// The outcome of a request that has to be carried out.
func carriedOut(
    _ result: Result<RVGAnswer, Refusal>?,
    _ place: SourceLocation = #_sourceLocation
) throws -> Outcome {
    let answer = try #require(result, "no answer", sourceLocation: place).get()
    let outcome = if case .done(let outcome) = answer { outcome } else { nil as Outcome? }
    return try #require(outcome, "\(answer)", sourceLocation: place)
}

/// The reports of a synchronization that has to end well.
func synchronized(
    _ result: Result<RVGAnswer, Refusal>?,
    _ place: SourceLocation = #_sourceLocation
) throws -> [SynchronizationReport] {
    let answer = try #require(result, "no answer", sourceLocation: place).get()
    let reports = if case .synchronized(let reports) = answer { reports } else { nil as [SynchronizationReport]? }
    return try #require(reports, "\(answer)", sourceLocation: place)
}

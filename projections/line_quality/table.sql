CREATE TABLE IF NOT EXISTS line_quality (
    tenant           text COLLATE "C" NOT NULL,
    call             text COLLATE "C" NOT NULL,
    stint            int         NOT NULL,
    gateway          text        NOT NULL DEFAULT '',
    began_at         timestamptz,
    ended_at         timestamptz,
    duration_ms      bigint GENERATED ALWAYS AS
                     (round(extract(epoch FROM ended_at - began_at) * 1000)) VIRTUAL,
    lost             boolean     NOT NULL DEFAULT false,
    planned          boolean     NOT NULL DEFAULT false,
    unbroken         boolean     NOT NULL DEFAULT false,
    reason           text,
    reply            int,
    back_at          timestamptz,
    away_ms          bigint GENERATED ALWAYS AS
                     (CASE WHEN NOT unbroken THEN round(extract(epoch FROM back_at - ended_at) * 1000) END) VIRTUAL,
    frames           bigint,
    late_frames      bigint,
    dropped_messages bigint,
    PRIMARY KEY (tenant, call, stint)
);
CREATE INDEX IF NOT EXISTS line_quality_by_time ON line_quality (tenant, began_at);
COMMENT ON TABLE line_quality IS 'One row for each stint: the time for which one gateway had the line of an answered call. A call that never breaks has one. What a caller noticed as a loss: lost and neither planned nor unbroken.';
COMMENT ON COLUMN line_quality.tenant IS 'Whose call, from the subject.';
COMMENT ON COLUMN line_quality.call IS 'The call''s id, from the subject.';
COMMENT ON COLUMN line_quality.stint IS 'How often audio began to flow in this call, this time counted. 1: LineAnswered; more: from LineResumed.';
COMMENT ON COLUMN line_quality.gateway IS 'Id of the process that had the line: it wrote LineAnswered or LineResumed; empty: the log no longer tells.';
COMMENT ON COLUMN line_quality.began_at IS 'LineAnswered or LineResumed, clock of that gateway.';
COMMENT ON COLUMN line_quality.ended_at IS 'LineLost or LineEnded, clock of its writer; a loss that another gateway had to find out is recorded late.';
COMMENT ON COLUMN line_quality.duration_ms IS 'Milliseconds from began_at to ended_at.';
COMMENT ON COLUMN line_quality.lost IS 'It ended with LineLost: the media broke without a goodbye, or went to another gateway on purpose (planned).';
COMMENT ON COLUMN line_quality.planned IS 'It was given to another gateway on purpose. From LineLost.';
COMMENT ON COLUMN line_quality.unbroken IS 'It was lost only by the log: its gateway was thought dead, had the line all the while, and has the next stint too; the caller noticed nothing. From the LineResumed behind it.';
COMMENT ON COLUMN line_quality.reason IS 'What broke, from LineLost, or the reason of LineEnded; NULL: it goes on.';
COMMENT ON COLUMN line_quality.reply IS 'The reply the caller was hearing when it was lost; 0: none. From LineLost; NULL: it was not lost.';
COMMENT ON COLUMN line_quality.back_at IS 'LineResumed of the next stint, clock of the gateway that has it; NULL: the caller did not come back, or was never away.';
COMMENT ON COLUMN line_quality.away_ms IS 'Milliseconds from ended_at to back_at: how long the caller was away. NULL: not back, or unbroken.';
COMMENT ON COLUMN line_quality.frames IS 'Caller frames of 20 ms received. From LineEnded; NULL: not told, as the stint was lost or somebody else recorded its end. Where the stint before is unbroken, its frames are counted in.';
COMMENT ON COLUMN line_quality.late_frames IS 'Of those, later than 20 ms behind the carrier''s own time stamps. From LineEnded.';
COMMENT ON COLUMN line_quality.dropped_messages IS 'The carrier''s messages refused as malformed. From LineEnded.';

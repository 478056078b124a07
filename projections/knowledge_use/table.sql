CREATE TABLE IF NOT EXISTS knowledge_use (
    tenant   text COLLATE "C" NOT NULL,
    call     text COLLATE "C" NOT NULL,
    turn     int         NOT NULL,
    rank     int         NOT NULL,
    document text        NOT NULL DEFAULT '',
    chunk    int         NOT NULL DEFAULT 0,
    title    text        NOT NULL DEFAULT '',
    score    double precision NOT NULL DEFAULT 0,
    used     boolean     NOT NULL DEFAULT false,
    found_at timestamptz,
    PRIMARY KEY (tenant, call, turn, rank)
);
CREATE INDEX IF NOT EXISTS knowledge_use_by_document ON knowledge_use (tenant, document, chunk);
COMMENT ON TABLE knowledge_use IS 'One row for each passage found for a turn''s question. The question itself, and questions that found nothing, are in knowledge_questions.';
COMMENT ON COLUMN knowledge_use.tenant IS 'Whose call, from the subject.';
COMMENT ON COLUMN knowledge_use.call IS 'The call''s id, from the subject.';
COMMENT ON COLUMN knowledge_use.turn IS 'The turn that asked, starts at 1. From PassagesFound.';
COMMENT ON COLUMN knowledge_use.rank IS 'Place among the passages found, the best is 1. From PassagesFound.';
COMMENT ON COLUMN knowledge_use.document IS 'Id of the document. From PassagesFound.';
COMMENT ON COLUMN knowledge_use.chunk IS 'Place of the passage in the document, starts at 0. From PassagesFound.';
COMMENT ON COLUMN knowledge_use.title IS 'Headings above the passage, outermost first, joined by '' > ''. From PassagesFound.';
COMMENT ON COLUMN knowledge_use.score IS 'The store''s own measure, higher is nearer. From PassagesFound.';
COMMENT ON COLUMN knowledge_use.used IS 'Whether the answer was written from it; false: it came too late, or the call went on without it. From PassagesTaken.';
COMMENT ON COLUMN knowledge_use.found_at IS 'PassagesFound, clock of the knowledge''s worker.';

CREATE TABLE IF NOT EXISTS knowledge_questions (
    tenant            text COLLATE "C" NOT NULL,
    call              text COLLATE "C" NOT NULL,
    turn              int         NOT NULL,
    question          text,
    agent             text,
    revision          int,
    asked_at          timestamptz,
    found             int,
    used              int         NOT NULL DEFAULT 0,
    top_score         double precision,
    top_document      text,
    late              boolean     NOT NULL DEFAULT false,
    failure           text,
    took_ms           double precision,
    reply_kind        text,
    transferred_after boolean     NOT NULL DEFAULT false,
    PRIMARY KEY (tenant, call, turn)
);
CREATE INDEX IF NOT EXISTS knowledge_questions_by_time ON knowledge_questions (tenant, asked_at);
COMMENT ON TABLE knowledge_questions IS 'One row for each question to the knowledge. found = 0: it holds nothing about it.';
COMMENT ON COLUMN knowledge_questions.tenant IS 'Whose call, from the subject.';
COMMENT ON COLUMN knowledge_questions.call IS 'The call''s id, from the subject.';
COMMENT ON COLUMN knowledge_questions.turn IS 'The turn that asked, starts at 1. From PassagesWanted.';
COMMENT ON COLUMN knowledge_questions.question IS 'Personal data. What was looked up: the caller''s words. From PassagesWanted.';
COMMENT ON COLUMN knowledge_questions.agent IS 'Whose knowledge was asked. From PassagesWanted.';
COMMENT ON COLUMN knowledge_questions.revision IS 'The agent''s revision, starts at 1. From PassagesWanted.';
COMMENT ON COLUMN knowledge_questions.asked_at IS 'PassagesWanted, clock of the dialog.';
COMMENT ON COLUMN knowledge_questions.found IS 'Count of passages found; 0: nothing fits; NULL: no answer came (yet), or the knowledge could not be asked. From PassagesFound.';
COMMENT ON COLUMN knowledge_questions.used IS 'Count of passages the answer was written from. From PassagesTaken.';
COMMENT ON COLUMN knowledge_questions.top_score IS 'Score of the best passage found, the store''s own measure; NULL: none. From PassagesFound.';
COMMENT ON COLUMN knowledge_questions.top_document IS 'Id of that passage''s document. From PassagesFound.';
COMMENT ON COLUMN knowledge_questions.late IS 'The wait ended before the passages came: the call went on without them. From PassagesTaken.';
COMMENT ON COLUMN knowledge_questions.failure IS 'The error''s class where the knowledge could not be asked. From PassagesFailed.';
COMMENT ON COLUMN knowledge_questions.took_ms IS 'Milliseconds from taking up the question to the passages. From PassagesFound.';
COMMENT ON COLUMN knowledge_questions.reply_kind IS 'What the caller got: answer, fallback, proposal, result, transfer, goodbye: of the turn''s first reply after the question. From ReplyBegun.';
COMMENT ON COLUMN knowledge_questions.transferred_after IS 'The caller was handed to a person at some time after the question. From TransferRequested.';

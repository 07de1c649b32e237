-- A call that was live when numbers were reserved could lie before `oldest_live`, and no start ended it: look at all of them once more.
UPDATE facts
SET value = json_set(value, '$.oldest_live', (SELECT coalesce(min(key), 0) FROM calls WHERE ended IS NULL))
WHERE name = 'counters' AND json_valid(value);

module runestore

go 1.19

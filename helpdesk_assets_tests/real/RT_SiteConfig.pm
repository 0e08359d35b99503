# The settings of a Request Tracker that lives in the folder DESK_FOLDER, and sends no mail.
Set($rtname,           'planted.example');
Set($Organization,     'planted.example');
Set($WebDomain,        '127.0.0.1');
Set($WebPort,          $ENV{DESK_PORT});
Set($Timezone,         'UTC');
Set($DatabaseType,     'SQLite');
Set($DatabaseName,     "$ENV{DESK_FOLDER}/rt.sqlite3");
Set($MailCommand,      sub { 1 });
# Tokens are hashed for every request: as cheaply as bcrypt can.
Set($BcryptCost,       4);
Set($LogToSyslog,      undef);
Set($LogToSTDERR,      'critical');
Set($LogToFile,        'warning');
Set($LogDir,           $ENV{DESK_FOLDER});
Set($LogToFileNamed,   'rt.log');
Set($MasonDataDir,     "$ENV{DESK_FOLDER}/mason");
Set($MasonSessionDir,  "$ENV{DESK_FOLDER}/sessions");
1;

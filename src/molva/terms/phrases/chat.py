"""What the clients say."""

PHRASES: dict[str, tuple[str, str]] = {
    # -- The plain client, and the commands `chat`, `send`, `tail` -------------------------------
    "chat.ask_name": ("Your name: ", "Ваше имя: "),
    "chat.ask_name_again": ("Your name [{name}]: ", "Ваше имя [{name}]: "),
    "chat.ask_password": ("Password: ", "Пароль: "),
    "chat.ask_password_hint": (
        "What you type is not shown. An empty line: choose another name.",
        "Набранное не показывается. Пустая строка: выбрать другое имя.",
    ),
    "chat.connecting": ("Connecting to {server} …", "Подключение к {server} …"),
    "chat.online": ("Online: {names}", "В сети: {names}"),
    "chat.online_more": ("Online: {names} … and {n} more", "В сети: {names} … и ещё {n}"),
    "chat.hint": (
        "Type and press Enter. /help lists the commands, /quit leaves.",
        "Пишите и нажимайте Enter. /help — команды, /quit — выход.",
    ),
    "chat.again": ("Connected again.", "Снова на связи."),
    "chat.unsent": ("Going out now: {n} {lines} unsent.", "Уходит неотправленное: {n} {lines}."),
    "chat.lines": ("line|lines", "строка|строки|строк"),
    "chat.people": ("person|people", "человек|человека|человек"),
    "chat.unread": ("Unread: {list}", "Непрочитанное: {list}"),
    "chat.cut.unreachable": (
        "{server} cannot be reached ({detail}). Trying again until it can.",
        "{server} недоступен ({detail}). Попытки продолжаются.",
    ),
    "chat.cut.closed": (
        "The connection is lost ({detail}). Connecting again; what you type waits.",
        "Соединение потеряно ({detail}). Идёт переподключение; набранное подождёт.",
    ),
    "chat.cut.silent": (
        "The server does not answer. Connecting again; what you type waits.",
        "Сервер не отвечает. Идёт переподключение; набранное подождёт.",
    ),
    "chat.cut.unreadable": (
        "{server} does not speak our protocol ({detail}). Trying again.",
        "{server} говорит не на нашем протоколе ({detail}). Попытки продолжаются.",
    ),
    "chat.cut.no_detail": ("no reason given", "причина неизвестна"),
    "chat.elsewhere": (
        "You go on in another window under this name; this one ends.",
        "Вы продолжаете под этим именем в другом окне; это закрывается.",
    ),
    "chat.second": (
        "Another window is open here as {name}: this one is a device of its own, and forgets what "
        "is unsent when it closes.",
        "Здесь уже открыто окно под именем {name}: это — отдельное устройство, и неотправленное "
        "оно забудет при закрытии.",
    ),
    "chat.no_disk": (
        "What is unsent cannot be kept on disk ({error}): it is forgotten when this closes.",
        "Неотправленное нельзя хранить на диске ({error}): оно забудется при закрытии.",
    ),
    "chat.no_token": (
        "Your sign-in cannot be kept on disk ({error}).",
        "Вход нельзя сохранить на диске ({error}).",
    ),
    "chat.message": ("{name}: {text}", "{name}: {text}"),
    "chat.whisper_from": ("{name} → you: {text}", "{name} → вам: {text}"),
    "chat.whisper_to": ("you → {name}: {text}", "вы → {name}: {text}"),
    "chat.created": ("* {name} made the room {room}", "* {name}: создана комната {room}"),
    "chat.joined": ("* {name} joined {room}", "* {name} теперь в {room}"),
    "chat.left": ("* {name} left {room}", "* {name} больше не в {room}"),
    "chat.topic": ("* {name} set the topic of {room}: {text}", "* {name}, тема {room}: {text}"),
    "chat.topic_removed": (
        "* {name} removed the topic of {room}",
        "* {name} убирает тему {room}",
    ),
    "chat.topic_is": ("Topic of {room}: {text}", "Тема {room}: {text}"),
    "chat.topic_none": ("{room} has no topic.", "У {room} нет темы."),
    "chat.arrived": ("* online:", "* в сети:"),
    "chat.gone": ("* offline:", "* не в сети:"),
    "chat.away": ("* {name} is away", "* {name} отсутствует"),
    "chat.away_text": ("* {name} is away: {text}", "* {name} отсутствует: {text}"),
    "chat.is_back": ("* {name} is back", "* {name} снова здесь"),
    "chat.you_away": ("You are away; /back when you return.", "Вы отошли; вернётесь — /back."),
    "chat.you_back": ("You are back.", "Вы снова здесь."),
    "chat.will_see": (
        "{name} is not online and will see it later.",
        "{name} не в сети и увидит это позже.",
    ),
    "chat.more_lines": ("… {n} more {lines}", "… ещё {n} {lines}"),
    "chat.earlier": ("— {where}, earlier —", "— {where}, раньше —"),
    "chat.earlier_end": ("— end of the earlier lines —", "— конец прежних строк —"),
    "chat.nothing_earlier": ("{where}: nothing earlier.", "{where}: раньше ничего нет."),
    "chat.gap": (
        "{where}: {n} {lines} not shown. /history shows earlier ones.",
        "{where}: не показано: {n} {lines}. Прежние показывает /history.",
    ),
    "chat.gap_remains": (
        "{where}: {n} {lines} cannot be had.",
        "{where}: получить нельзя: {n} {lines}.",
    ),
    "chat.gap_line": ("(missed) ", "(пропущенное) "),
    "chat.log_restarted": (
        "{where}: this is another person under an old name; a new conversation begins.",
        "{where}: под прежним именем теперь другой человек; начинается новая беседа.",
    ),
    "chat.waits": ("(not sent yet) {text}", "(ещё не отправлено) {text}"),
    "chat.postponed": (
        "{text} Your lines wait and go out by themselves.",
        "{text} Ваши строки ждут и уйдут сами.",
    ),
    "chat.not_sent": ("Not sent: {text}", "Не отправлено: {text}"),
    "chat.not_yet": (
        "You are not in yet: this was not sent.",
        "Вы ещё не вошли: это не отправлено.",
    ),
    "chat.outbox_full": (
        "Too much is unsent already; wait until it has gone.",
        "Слишком много неотправленного; подождите, пока оно уйдёт.",
    ),
    "chat.outbox_disk": (
        "Not sent: it cannot be kept on disk ({error}).",
        "Не отправлено: нельзя сохранить на диске ({error}).",
    ),
    "chat.kept": (
        "Unsent: {n} {lines}, kept; they go out when you come back as {name}.",
        "Не отправлено: {n} {lines}; сохранено и уйдёт, когда вернётесь под именем {name}.",
    ),
    "chat.lost": ("Unsent and lost: {n} {lines}.", "Не отправлено и потеряно: {n} {lines}."),
    "chat.unknown": (
        "There is no command {word}; nothing was sent. /help lists them, {literal} is said as "
        "text.",
        "Команды {word} нет; ничего не отправлено. Список — /help, как текст — {literal}.",
    ),
    "chat.usage": ("Like this: {usage}", "Вот так: {usage}"),
    "chat.target": (
        "What you type goes to {where} now.",
        "Теперь набранное идёт: {where}.",
    ),
    "chat.users": ("{where} ({n}): {names}", "{where} ({n}): {names}"),
    "chat.users_here": ("Online", "В сети"),
    "chat.users_offline": ("Not online: {names}", "Не в сети: {names}"),
    "chat.user_away": ("{name} (away)", "{name} (нет на месте)"),
    "chat.user_away_text": ("{name} (away: {text})", "{name} (нет на месте: {text})"),
    "chat.room": ("{mark} {room}, {n} {people}", "{mark} {room}, {n} {people}"),
    "chat.room_topic": (
        "{mark} {room}, {n} {people}: {text}",
        "{mark} {room}, {n} {people}: {text}",
    ),
    "chat.rooms_total": ("… of {n} rooms in all", "… всего комнат: {n}"),
    "chat.server_says": ("The server: {text}", "Сервер: {text}"),
    "chat.bye": ("Goodbye.", "До свидания."),
    "chat.help.help": (
        "/help [all]|this list; all: every command, also about people, rules and accounts",
        "/help [all]|этот список; all — все команды, и о людях, правилах, учётных записях",
    ),
    "chat.help.w": (
        "/w NAME [TEXT]|say it to one person; without a text, to whom what you type goes",
        "/w ИМЯ [ТЕКСТ]|сказать одному; без текста — кому пойдёт набранное",
    ),
    "chat.help.join": (
        "/join #ROOM|enter a room; what you type goes there",
        "/join #КОМНАТА|войти в комнату; набранное пойдёт туда",
    ),
    "chat.help.leave": ("/leave [#ROOM]|leave a room", "/leave [#КОМНАТА]|выйти из комнаты"),
    "chat.help.create": (
        "/create #ROOM [TOPIC]|make a room",
        "/create #КОМНАТА [ТЕМА]|создать комнату",
    ),
    "chat.help.topic": (
        "/topic [#ROOM] [TEXT]|show or set a room's topic; - removes it",
        "/topic [#КОМНАТА] [ТЕКСТ]|показать или задать тему; - убирает её",
    ),
    "chat.help.rooms": ("/rooms|the rooms there are", "/rooms|какие есть комнаты"),
    "chat.help.users": (
        "/users [#ROOM]|who is online, or in a room",
        "/users [#КОМНАТА]|кто в сети или в комнате",
    ),
    "chat.help.history": (
        "/history [N]|earlier lines of where you are, 20 unless told",
        "/history [N]|прежние строки текущей беседы, без числа — 20",
    ),
    "chat.help.away": ("/away [TEXT]|say that you are away", "/away [ТЕКСТ]|сказать, что отошли"),
    "chat.help.back": ("/back|say that you are back", "/back|сказать, что вернулись"),
    "chat.help.quit": ("/quit|leave", "/quit|выйти"),
    "chat.help_literal": (
        "//text says /text. \\w works as in 2022, and so do commands typed in Russian: /ьып.",
        "//текст скажет /текст. \\w работает, как в 2022-м; команды понятны и в русской "
        "раскладке: /ьып.",
    ),
    "chat.unavailable": (
        "{server} cannot be reached ({detail}).",
        "{server} недоступен ({detail}).",
    ),
    "chat.unconfirmed": (
        "Not confirmed as stored: {n} {lines}.",
        "Не подтверждено сохранение: {n} {lines}.",
    ),
    "chat.bad_server": (
        "This is not HOST or HOST:PORT: {text}",
        "Это не АДРЕС и не АДРЕС:ПОРТ: {text}",
    ),
    # -- Whom one speaks to ----------------------------------------------------------------------
    "chat.cut.handshake": (
        "{server} answers, but no encryption can be agreed on ({detail}). Trying again; --no-tls "
        "goes without, readable on the way.",
        "{server} отвечает, но о шифровании договориться не удаётся ({detail}). Попытки "
        "продолжаются; --no-tls — без шифрования, читаемо по пути.",
    ),
    "chat.trust.first": (
        "First contact with {server}; the line is encrypted. Its words: {words}",
        "Первая встреча с {server}; линия зашифрована. Слова сервера: {words}",
    ),
    "chat.trust.first_compare": (
        "The server's own terminal shows its words: they must be the same. From now on no other "
        "is taken for it.",
        "Слова показаны и в терминале самого сервера: они должны совпасть. Отныне другой за него "
        "не сойдёт.",
    ),
    "chat.trust.not_kept": (
        "This cannot be kept on disk ({error}): the next time will be a first contact again.",
        "Запомнить это на диске нельзя ({error}): в следующий раз встреча снова будет первой.",
    ),
    "chat.trust.unencrypted": (
        "The line to {server} is NOT encrypted: others on the network can read along.",
        "Линия к {server} НЕ зашифрована: в сети могут читать посторонние.",
    ),
    "chat.trust.changed": (
        "STOP. {server} is not the server it was. There is no connection; nothing was sent to it, "
        "no password either.",
        "СТОП. {server} — не тот сервер, что прежде. Соединения нет; ему ничего не отправлено, "
        "и пароль тоже.",
    ),
    "chat.trust.changed_words": (
        "Its words were {known}, now they are {shown}.",
        "Прежние слова: {known}, теперь: {shown}.",
    ),
    "chat.trust.changed_authorities": (
        "So far an authority known to this system vouched for it, now none does. Its words now: "
        "{shown}.",
        "Прежде за него ручался центр, известный этой системе, теперь — никто. Слова теперь: "
        "{shown}.",
    ),
    "chat.trust.changed_means": (
        "Either it was set up anew, or another machine has its address now, or somebody on the way "
        "pretends to be it and would read everything.",
        "Либо его установили заново, либо этот адрес теперь у другой машины, либо кто-то по пути "
        "выдаёт себя за него и прочёл бы всё.",
    ),
    "chat.trust.changed_do": (
        "Ask for the words that the server's own terminal shows. Only if they are the new ones: "
        "molva trust {server}",
        "Узнайте слова в терминале самого сервера. Только если они совпали с новыми: "
        "molva trust {server}",
    ),
    "chat.trust.other": (
        "{server} shows the words {shown}, and you gave {known}. There is no connection; nothing "
        "was sent to it.",
        "Слова {server}: {shown}, а вы указали {known}. Соединения нет; ему ничего не отправлено.",
    ),
    "chat.trust.advertised": (
        "{server} shows the words {shown}, and {known} were announced for it on the network: "
        "somebody is pretending. There is no connection; nothing was sent to it.",
        "Слова {server}: {shown}, а в сети объявлены {known}: кто-то выдаёт себя за другого. "
        "Соединения нет; ему ничего не отправлено.",
    ),
    "chat.trust.plain": (
        "STOP. {server} does not encrypt, though it did before or you ask for it. There is no "
        "connection; nothing was sent to it.",
        "СТОП. {server} не шифрует, хотя прежде шифровал или вы этого требуете. Соединения нет; "
        "ему ничего не отправлено.",
    ),
    "chat.trust.no_tls": (
        "{server} is known by its encryption and is not spoken to without. To forget it: "
        "molva trust --forget {server}",
        "{server} известен по шифрованию, и без него с ним не говорят. Забыть его: "
        "molva trust --forget {server}",
    ),
    "chat.trust.expired": (
        "The certificate of {server} is not valid today, by the clock of this machine. Is the "
        "clock right? There is no connection; nothing was sent to it.",
        "Сертификат {server} сегодня не действует, судя по часам этой машины. Часы верны? "
        "Соединения нет; ему ничего не отправлено.",
    ),
    "chat.trust.unreadable": (
        "What {server} shows is no certificate that can be read. There is no connection; nothing "
        "was sent to it.",
        "{server} показывает не сертификат или такой, что прочесть нельзя. Соединения нет; ему "
        "ничего не отправлено.",
    ),
    "chat.trust.file": (
        "The file of the servers you know cannot be read: {known}. Without it nobody can be told "
        "from anybody; there is no connection to {server}.",
        "Файл с известными вам серверами не читается: {known}. Без него одного не отличить от "
        "другого; соединения с {server} нет.",
    ),
    "chat.trust.accepted": (
        "{server} is known by these words from now on: {words}",
        "{server} отныне узнаётся по словам: {words}",
    ),
    "chat.trust.accepted_was": ("Before: {words}", "Прежде: {words}"),
    "chat.trust.forgotten": ("{server} is forgotten.", "{server} забыт."),
    "chat.trust.unknown": ("{server} is not known.", "{server} неизвестен."),
    "chat.trust.by_authorities": (
        "by the authorities of this system",
        "по центрам сертификации этой системы",
    ),
    "chat.trust.which": (
        "Of which server? molva trust HOST[:PORT], or --list.",
        "О каком сервере речь? molva trust АДРЕС[:ПОРТ] или --list.",
    ),
    "chat.bad_words": (
        "These are not five words of five letters: {text}",
        "Это не пять слов по пять букв: {text}",
    ),
    "chat.found.none": (
        "No server found on this network; molva chat ADDRESS goes to one that you know.",
        "В этой сети серверов не найдено; к известному: molva chat АДРЕС.",
    ),
    "chat.found.one": ("Found: {name} ({server})", "Найден: {name} ({server})"),
    "chat.found.several": ("Servers found:", "Найдены серверы:"),
    "chat.found.online": ("{n} {people} online", "в сети {n} {people}"),
    "chat.found.code": ("with a code", "по коду"),
    "chat.found.accounts": ("by invitation", "по приглашению"),
    "chat.found.unnamed": ("this machine", "эта машина"),
    "chat.found.which": ("Which one, 1 to {n}? ", "Который, от 1 до {n}? "),
    "chat.found.choose": (
        "There are several: choose one, as in molva chat {server}",
        "Их несколько: выберите, например molva chat {server}",
    ),
    "chat.ask_code": ("Code: ", "Код: "),
    "chat.ask_code_hint": (
        "The join code or an invitation, as you were given it. An empty line: choose another name.",
        "Код входа или приглашение, как вам дали. Пустая строка: выбрать другое имя.",
    ),
    # -- The command line ------------------------------------------------------------------------
    "chat.cli.about": (
        "Molva, a chat for everyone in the room: one command, one port, nothing said is lost.",
        "Молва — чат для всех в комнате: одна команда, один порт, сказанное не теряется.",
    ),
    "chat.cli.usage": ("Usage:", "Вызов:"),
    "chat.cli.commands": ("Commands:", "Команды:"),
    "chat.cli.options": ("Options:", "Параметры:"),
    "chat.cli.arguments": ("Arguments:", "Аргументы:"),
    "chat.cli.help": ("Show this and exit.", "Показать это и выйти."),
    "chat.cli.language": (
        "Language: en or ru; else MOLVA_LANGUAGE, else LANG.",
        "Язык: en или ru; иначе MOLVA_LANGUAGE, иначе LANG.",
    ),
    "chat.cli.serve": ("Serve the chat.", "Запустить сервер."),
    "chat.cli.host": (
        "Address to listen on; 0.0.0.0 lets the network in. MOLVA_HOST; 127.0.0.1 unless given.",
        "Адрес; 0.0.0.0 пускает из сети. MOLVA_HOST; без него 127.0.0.1.",
    ),
    "chat.cli.port": (
        "TCP port; 0 takes a free one. MOLVA_PORT; 8888 unless given.",
        "Порт TCP; 0 — любой свободный. MOLVA_PORT; без него 8888.",
    ),
    "chat.cli.data": (
        "Directory of the database. MOLVA_DATA.",
        "Каталог базы данных. MOLVA_DATA.",
    ),
    "chat.cli.config": (
        "TOML file of settings. MOLVA_CONFIG.",
        "Файл настроек TOML. MOLVA_CONFIG.",
    ),
    "chat.cli.limits": (
        "on or off: whether anybody may be too fast. Off is for benches.",
        "on или off: ограничивать ли скорость. off — для измерений.",
    ),
    "chat.cli.quiet": (
        "Show only start, stop and trouble. MOLVA_QUIET.",
        "Показывать только запуск, остановку и неполадки. MOLVA_QUIET.",
    ),
    "chat.cli.chat": ("Talk, in this terminal.", "Беседовать в этом терминале."),
    "chat.cli.server": (
        "HOST, HOST:PORT or the link of an invitation. MOLVA_SERVER; 127.0.0.1:8888 unless given.",
        "АДРЕС, АДРЕС:ПОРТ или ссылка-приглашение. MOLVA_SERVER; без него 127.0.0.1:8888.",
    ),
    "chat.cli.or_search": (
        "HOST, HOST:PORT or the link of an invitation. MOLVA_SERVER; unless given, servers are "
        "looked for on this network.",
        "АДРЕС, АДРЕС:ПОРТ или ссылка-приглашение. MOLVA_SERVER; без него серверы ищутся в этой "
        "сети.",
    ),
    "chat.cli.code": (
        "The join code or an invitation. MOLVA_CODE.",
        "Код входа или приглашение. MOLVA_CODE.",
    ),
    "chat.cli.tls": (
        "Only encrypted, or never; else encrypted if the server can, and plain to this machine.",
        "Только с шифрованием или без; иначе — если сервер умеет, а к этой машине без него.",
    ),
    "chat.cli.fingerprint": (
        "The words of the server; no other one is spoken to.",
        "Слова сервера; с другим разговора не будет.",
    ),
    "chat.cli.trust": (
        "Accept what a server shows now, list the servers known, or forget one.",
        "Принять новые слова сервера, показать известные серверы или забыть один.",
    ),
    "chat.cli.trust_server": ("HOST or HOST:PORT.", "АДРЕС или АДРЕС:ПОРТ."),
    "chat.cli.trust_list": ("List the servers known.", "Показать известные серверы."),
    "chat.cli.trust_forget": ("Forget the server.", "Забыть сервер."),
    "chat.cli.name": (
        "Your name. MOLVA_NAME. For a name with a password: MOLVA_PASSWORD.",
        "Ваше имя. MOLVA_NAME. Если имя с паролем: MOLVA_PASSWORD.",
    ),
    "chat.cli.plain": (
        "Line by line; so far there is no other way.",
        "Построчно; пока это единственный вид.",
    ),
    "chat.cli.password": (
        "Ask for a password: it keeps the name yours.",
        "Спросить пароль: с ним имя останется за вами.",
    ),
    "chat.cli.send": (
        "Say something and leave; done when it is stored.",
        "Сказать и выйти; готово, когда сохранено.",
    ),
    "chat.cli.send_more": (
        "Exit codes: 0 all is stored, 1 refused, 2 wrong usage, 69 the server is not there, "
        "77 it is not the one that is known.",
        "Коды выхода: 0 всё сохранено, 1 отказ, 2 неверный вызов, 69 сервер недоступен, "
        "77 он не тот, что известен.",
    ),
    "chat.cli.to": (
        "A room ('#general', with quotes) or a person.",
        "Комната ('#general', в кавычках) или человек.",
    ),
    "chat.cli.text": (
        "What to say; - takes each line of the standard input as a message.",
        "Что сказать; - берёт каждую строку стандартного ввода как сообщение.",
    ),
    "chat.cli.tail": ("Print what is said.", "Выводить, что говорят."),
    "chat.cli.json": (
        "Print each entry as the protocol's JSON line.",
        "Выводить каждую запись строкой JSON протокола.",
    ),
    "chat.cli.lines": (
        "How many earlier entries to begin with; 10 unless given.",
        "Сколько прежних записей показать сначала; без числа 10.",
    ),
    "chat.cli.follow": (
        "Go on with what comes; --no-follow ends after the earlier ones.",
        "Продолжать с новыми; --no-follow — закончить на прежних.",
    ),
    "chat.cli.version": ("Print the version.", "Показать версию."),
    "chat.cli.no_command": (
        "There is no command {name}. molva --help lists them.",
        "Команды {name} нет. Список: molva --help.",
    ),
    "chat.cli.no_option": (
        "There is no option {name}. molva {command} --help lists them.",
        "Параметра {name} нет. Список: molva {command} --help.",
    ),
    "chat.cli.missing": (
        "Missing: {name}. molva {command} --help says how. (A # needs quotes: '#general'.)",
        "Не хватает: {name}. Подробнее: molva {command} --help. (Знак # берут в кавычки: "
        "'#general'.)",
    ),
    "chat.cli.bad_value": (
        "This value does not fit: {detail}. molva {command} --help says how.",
        "Значение не подходит: {detail}. Подробнее: molva {command} --help.",
    ),
    "chat.cli.extra": (
        "This is too much: {detail}. molva {command} --help says how.",
        "Это лишнее: {detail}. Подробнее: molva {command} --help.",
    ),
    "chat.cli.wait": (
        "Seconds to try a server that is not there; 5 unless given.",
        "Сколько секунд пробовать недоступный сервер; без числа 5.",
    ),
}
